// SupCon: contrastive learning with labels. All views of all images of a class attract.
// Supervised Contrastive Learning (Khosla et al., 2020), arXiv:2004.11362.
//
//   bin/supcon --preset short --data fashion-mnist --limit 10000 --width 16    a small one for two cores
//   bin/supcon --data cifar10:DIR --batch 1024 --epochs 1000 --warmup 0.01 --out runs/supcon
//
// The only contrastive method here that sees labels: compare its accuracies with a classifier's, not with SimCLR's. The
// projector is thrown away after training, and what is measured are the frozen features.
#include <fovea/models/methods/contrastive/supcon.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::SupConOptions options;
  const examples::Program program{
      .about = {.method = "supcon",
                .title = "SupCon",
                .paper = "Supervised Contrastive Learning (Khosla et al., 2020)",
                .presets = {{"imagenette-table", "--epochs 800 --batch 256 --lr 0.06 --weight-decay 5e-4"},
                            {"short", "--batch 128 --lr 0.24"}}},
      .defaults = {.fit = {.lr = 0.125f, .weight_decay = 1e-4f, .decay_all = true}, .views = "simsiam", .blur = 0},
      .flags = {{"--temperature", "temperature t that cosines are divided by", &options.temperature, 1e-3, 100},
                {"--mean-inside", "take the mean over the positives P(i) inside the logarithm, the paper's weaker form",
                 &options.mean_inside}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::SupCon(setup.backbone(), options, setup.generator());
  });
}
