#include <cstdio>

#include <fovea/data/loader.h>
#include <fovea/losses/nt_xent.h>
#include <fovea/models/simclr.h>
#include <fovea/nn/optim.h>

using namespace fovea;

int main() {
  manual_seed(0);
  data::Loader loader(data::open_dataset("synthetic:256").train, data::simclr_views(32), {.batch_size = 64});
  models::SimClr model(models::resnet18({.width = 8, .cifar_stem = true}));
  nn::Sgd optimizer(nn::decay_groups(model, {.weight_decay = 5e-4}), {.lr = 0.06, .momentum = 0.9});
  while (auto batch = loader.next()) {  // one epoch, without labels
    Tensor loss = losses::nt_xent(model(batch->views[0]), model(batch->views[1]), 0.5);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    std::printf("step %d: loss %.1f\n", int(batch->step), loss.item());
  }
}
