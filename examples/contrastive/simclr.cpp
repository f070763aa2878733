// SimCLR: two augmented views of an image attract, all other views of the batch repel.
// A Simple Framework for Contrastive Learning of Visual Representations (Chen et al., 2020), arXiv:2002.05709.
//
//   bin/simclr                                                Fashion-MNIST, ResNet-18; the report is in runs/last
//   bin/simclr --data fashion-mnist --limit 10000 --width 16  a small one for two cores: about two minutes
//   bin/simclr --data cifar10:DIR --epochs 100 --out runs/cifar
//   bin/simclr --resume runs/cifar                            goes on where it stopped
//
// The last lines printed are the accuracies of k-NN and a linear probe on the frozen features, beside those of the raw
// pixels and of the network before training. Defaults are those of lightly's benchmark: temperature 0.5, SGD with
// momentum 0.9 and weight decay 5e-4 on every parameter, cosine schedule. Small images get the CIFAR stem and no blur,
// as in the paper's appendix B.9. Both views pass through the network as one batch: batch norm sees them together.
#include <cmath>

#include <fovea/losses/contrastive/nt_xent.h>
#include <fovea/models/methods/contrastive/simclr.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "simclr",
      .title = "SimCLR",
      .paper = "A Simple Framework for Contrastive Learning of Visual Representations (Chen et al., 2020)",
      .presets = {{"imagenette-table", "--epochs 800 --batch 256"},
                  {"short", "--batch 128 --lr 0.24 --temperature 0.2 --strength 2"}}};
  float temperature = 0.5f;
  const std::vector<examples::Flag> flags = {{"--temperature", "of NT-Xent", &temperature, 1e-3, 100}};

  return examples::run(argc, argv, about, {.decay_all = true}, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::SimClr model(training.backbone());
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      Tensor h = run.features(model.backbone, batch.groups[0]);  // [2N, 512]: first views, then second views
      Tensor z = model.projector(h);                             // [2N, 128]
      Tensor z0 = z.slice(0, batch.size()), z1 = z.slice(batch.size(), 2 * batch.size());
      run.watch(z0, z1);
      run.chance(std::log(2.0 * double(batch.size()) - 1));
      return losses::nt_xent(z0, z1, temperature);
    });
  });
}
