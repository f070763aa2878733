// MoCo: a query finds its key, made by a slow copy of the network, among the keys of earlier batches.
// v1: Momentum Contrast for Unsupervised Visual Representation Learning (He et al., 2019), arXiv:1911.05722;
// v2: Improved Baselines with Momentum Contrastive Learning (Chen et al., 2020), arXiv:2003.04297.
//
//   bin/moco --preset short --limit 10000 --width 16      Fashion-MNIST, a small one for two cores
//   bin/moco --data cifar10:DIR --epochs 200 --teacher-momentum 0.99 --symmetric --out runs/cifar
//   bin/moco --preset v1                                  v1's head, views and temperature
//   bin/moco --preset imagenette-table --data imagefolder:DIR
//
// The defaults are v2's, but for a queue of 4096 keys where the papers have 65536: earlier keys must be of other
// images, so it should be a small part of the dataset. --symmetric takes both views as queries (the authors' notebook
// for CIFAR), at twice the cost; both directions then read the queue before either writes it. docs/methods/moco.md
// tells the rest.
#include <fovea/models/methods/contrastive/moco.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::MocoOptions options;
  const examples::Program program{
      .about =
          {.method = "moco",
           .title = "MoCo",
           .paper = "Improved Baselines with Momentum Contrastive Learning (Chen et al., 2020)",
           .presets =
               {{"v1", "--views mocov1 --hidden 0 --temperature 0.07"},
                {"imagenette-table",
                 "--views simclr --symmetric --temperature 0.1 --teacher-momentum 0.99 --epochs 800 --batch 256 "
                 "--lr 0.06 --weight-decay 5e-4"},
                {"short",
                 "--views simclr --strength 2 --symmetric --batch-norm --hidden 512 --batch 128 --lr 0.06 --warmup 0.1 "
                 "--weight-decay 5e-4 --teacher-momentum 0.99"}}},
      .defaults = {.fit = {.lr = 0.03f, .weight_decay = 1e-4f, .decay_all = true}, .views = "simsiam"},
      .flags = {
          {"--temperature", "temperature t of InfoNCE", &options.temperature, 1e-3, 100},
          {"--teacher-momentum", "momentum m of the key network: key network = m key network + (1 - m) query network",
           &options.momentum, 0, 1},
          {"--negatives", "number of negatives K: keys of earlier batches in the queue", &options.negatives, 1,
           1 << 24},
          {"--hidden", "units of the projection head's hidden layer (0: one Linear, as in MoCo v1)", &options.hidden, 0,
           1 << 20},
          {"--batch-norm", "put a batch norm after each Linear of the projection head", &options.batch_norm},
          {"--symmetric", "use both views as queries, each with the key of the other view", &options.symmetric}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::Moco(setup.backbone(), options, setup.generator());
  });
}
