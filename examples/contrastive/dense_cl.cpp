// DenseCL: MoCo for images, and at once for the places of their feature maps.
// Dense Contrastive Learning for Self-Supervised Visual Pre-Training (Wang et al., 2021), arXiv:2011.09157.
//
//   bin/dense_cl --preset short --limit 10000 --width 16  Fashion-MNIST, a small one for two cores
//   bin/dense_cl --data cifar10:DIR --epochs 200 --teacher-momentum 0.99 --out runs/cifar
//
// The defaults are the paper's, but for queues of 4096 keys where it has 65536. docs/methods/dense_cl.md tells the
// rest.
#include <fovea/models/methods/contrastive/dense_cl.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::DenseClOptions options;
  const examples::Program program{
      .about = {.method = "dense_cl",
                .title = "DenseCL",
                .paper = "Dense Contrastive Learning for Self-Supervised Visual Pre-Training (Wang et al., 2021)",
                .presets =
                    {{"imagenette-table",
                      "--views simclr --teacher-momentum 0.99 --epochs 800 --batch 256 --lr 0.06 --weight-decay 5e-4"},
                     {"short",
                      "--views simclr --strength 2 --batch-norm --batch 128 --lr 0.06 --warmup 0.1 --weight-decay 5e-4 "
                      "--teacher-momentum 0.99"}}},
      .defaults = {.fit = {.lr = 0.03f, .weight_decay = 1e-4f, .decay_all = true}, .views = "simsiam"},
      .flags = {
          {"--temperature", "temperature t of both InfoNCE losses, the global and the dense one", &options.temperature,
           1e-3, 100},
          {"--teacher-momentum", "momentum m of the key network: key network = m key network + (1 - m) query network",
           &options.momentum, 0, 1},
          {"--negatives", "number of negatives K: keys of earlier batches in each of the two queues",
           &options.negatives, 1, 1 << 24},
          {"--dense-weight", "weight lambda of the dense loss: (1 - lambda) global InfoNCE + lambda dense InfoNCE",
           &options.dense_weight, 0, 1},
          {"--batch-norm", "put a batch norm after each Linear of both heads", &options.batch_norm}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::DenseCl(setup.backbone(), options, setup.generator());
  });
}
