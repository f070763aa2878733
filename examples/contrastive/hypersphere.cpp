// Hypersphere: alignment and uniformity, the two things that contrastive losses do, each as a term of its own.
// Understanding Contrastive Representation Learning through Alignment and Uniformity on the Hypersphere (Wang and
// Isola, 2020), arXiv:2005.10242.
//
//   bin/hypersphere --preset short --data fashion-mnist --limit 10000 --width 16    a small one for two cores
//   bin/hypersphere --data cifar10:DIR --batch 768 --epochs 200 --out runs/hypersphere
//
// alignment: the mean of |x - y|^alpha over pairs of views on the unit sphere. uniformity: the logarithm of the mean of
// exp(-t |x_i - x_j|^2) over all pairs of images, 0 when all lie in one place, -3.94 at best for 128 dimensions and
// t = 2. The sum is negative while things go well.
#include <fovea/models/methods/contrastive/hypersphere.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::HypersphereOptions options;
  const examples::Program program{
      .about = {.method = "hypersphere",
                .title = "Hypersphere",
                .paper = "Understanding Contrastive Representation Learning through Alignment and "
                         "Uniformity on the Hypersphere (Wang and Isola, 2020)",
                .presets = {{"imagenette-table", "--epochs 800 --batch 256 --lr 0.06 --weight-decay 5e-4"},
                            {"lightly", "--t 1"},
                            {"short", "--batch 128 --lr 0.24"}}},
      .defaults = {.fit = {.lr = 0.12f, .weight_decay = 1e-4f, .decay_all = true}},
      .flags = {
          {"--alpha", "alpha of the alignment A = mean |x - y|^alpha over positive pairs", &options.alpha, 0.1, 10},
          {"--t", "t of the uniformity U = log mean exp(-t |x - y|^2) over pairs of images", &options.t, 1e-3, 100},
          {"--align-weight", "weight a of the alignment: loss = a A + u U", &options.align_weight, 0, 1000},
          {"--uniform-weight", "weight u of the uniformity: loss = a A + u U", &options.uniform_weight, 0, 1000}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::Hypersphere(setup.backbone(), options, setup.generator());
  });
}
