#include <cstdio>

#include <fovea/data/image/loader.h>
#include <fovea/models/backbones/resnet.h>
#include <fovea/models/methods/contrastive/simclr.h>
#include <fovea/nn/train/optim.h>

using namespace fovea;

int main() {
  manual_seed(0);
  data::Loader loader(data::open_dataset("synthetic:256").train, data::simclr_views(32), {.batch_size = 64});
  models::SimClr method(models::resnet18({.width = 8, .cifar_stem = true}));
  nn::Sgd optimizer(nn::decay_groups(method, {.weight_decay = 5e-4}), {.lr = 0.06, .momentum = 0.9});
  for (int epoch = 0; epoch < 2; ++epoch)
    while (auto batch = loader.next()) {  // two views of each of 64 images; no labels
      models::Step step({});
      Tensor loss = method.loss(*batch, step);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      std::printf("epoch %d, step %d: loss %.2f\n", epoch, int(batch->step), loss.item());
    }
}
