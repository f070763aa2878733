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
// as in the paper's appendix B.9. Both views pass through the network as one batch, so batch norm sees their statistics
// together.
#include <fovea/models/methods/contrastive/simclr.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::SimClrOptions options;
  const examples::Program program{
      .about = {.method = "simclr",
                .title = "SimCLR",
                .paper = "A Simple Framework for Contrastive Learning of Visual Representations (Chen et al., 2020)",
                .presets = {{"imagenette-table", "--epochs 800 --batch 256"},
                            {"short", "--batch 128 --lr 0.24 --temperature 0.2 --strength 2"}}},
      .defaults = {.fit = {.decay_all = true}},
      .flags = {{"--temperature", "temperature t of NT-Xent", &options.temperature, 1e-3, 100}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::SimClr(setup.backbone(), options, setup.generator());
  });
}
