// Instance discrimination: every image is a class of its own, whose weights a memory bank of past features holds.
// Unsupervised Feature Learning via Non-Parametric Instance Discrimination (Wu et al., 2018), arXiv:1805.01978.
//
//   bin/instdisc --preset short --limit 10000 --width 16      Fashion-MNIST, a small one for two cores
//   bin/instdisc --data cifar10:DIR --epochs 200 --loss softmax --temperature 0.1 --out runs/cifar
//
// The defaults are the paper's for ImageNet, noise contrast against 4096 images. --loss softmax is exact and for up to
// some 100,000 images; --loss info-nce is cross entropy over the image's own row and the noise.
// docs/methods/instdisc.md tells the rest.
#include <fovea/models/methods/contrastive/instdisc.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::InstDiscOptions options;
  const examples::Program program{
      .about =
          {.method = "instdisc",
           .title = "Instance discrimination",
           .paper = "Unsupervised Feature Learning via Non-Parametric Instance Discrimination (Wu et al., 2018)",
           .presets = {{"imagenette-table", "--loss softmax --temperature 0.1 --epochs 800 --batch 256"},
                       {"short",
                        "--loss softmax --temperature 0.3 --bank-momentum 0 --batch-norm --views simclr --strength 2 "
                        "--batch 128 --lr 0.01 --warmup 0.1 --weight-decay 5e-4"}}},
      .defaults = {.fit = {.lr = 0.03f, .weight_decay = 1e-4f, .decay_all = true}, .views = "mocov1"},
      .flags = {examples::choice("--loss", "loss that tells an image from all others", &options.loss,
                                 models::instdisc_losses()),
                {"--temperature", "temperature t that cosines are divided by", &options.temperature, 1e-3, 100},
                {"--negatives",
                 "number of noise images K, drawn from the memory bank in each step (the softmax loss has none)",
                 &options.negatives, 1, 1 << 24},
                {"--bank-momentum",
                 "momentum m of the memory bank: row i = l2(m row i + (1 - m) v), v the new feature of image i",
                 &options.bank_momentum, 0, 1},
                {"--batch-norm", "put a batch norm after the head's Linear", &options.batch_norm}},
      .views = [](const examples::Options& run, int size) {
        return data::Views({examples::make_views(run, size)[0]});
      }};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::InstDisc(setup.backbone(), setup.images(), options, setup.generator());
  });
}
