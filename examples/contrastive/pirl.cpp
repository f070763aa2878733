// PIRL: an image and a jigsaw of it must both match what a memory bank holds of the image.
// Self-Supervised Learning of Pretext-Invariant Representations (Misra & van der Maaten, 2019), arXiv:1912.01991.
//
//   bin/pirl --preset short --limit 10000 --width 16      Fashion-MNIST, a small one for two cores
//   bin/pirl --data cifar10:DIR --epochs 200 --out runs/cifar
//
// The defaults are the paper's, but for 4096 negatives where it has 32000. The noise of a step serves images and
// jigsaws alike. The views are PIRL's own: of the flags for views only --strength applies. docs/methods/pirl.md tells
// the rest.
#include <fovea/models/methods/contrastive/pirl.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::PirlOptions options;
  const examples::Program program{
      .about =
          {.method = "pirl",
           .title = "PIRL",
           .paper = "Self-Supervised Learning of Pretext-Invariant Representations (Misra & van der Maaten, 2019)",
           .presets =
               {{"imagenette-table", "--epochs 800 --batch 256"},
                {"short",
                 "--loss info-nce --temperature 0.2 --bank-momentum 0 --batch-norm --strength 2 --batch 128 --lr 0.02 "
                 "--warmup 0.1 --weight-decay 5e-4"}}},
      .defaults = {.fit = {.lr = 0.03f, .weight_decay = 1e-4f}},
      .flags = {examples::choice("--loss", "loss that tells an image from all others", &options.loss,
                                 models::pirl_losses()),
                {"--temperature", "temperature t that cosines are divided by", &options.temperature, 1e-3, 100},
                {"--negatives", "number of noise images K, drawn from the memory bank in each step", &options.negatives,
                 1, 1 << 24},
                {"--jigsaw-weight",
                 "weight lambda of the jigsaws: loss = (1 - lambda) loss of the images + lambda loss of the jigsaws",
                 &options.jigsaw_weight, 0, 1},
                {"--bank-momentum",
                 "momentum m of the memory bank: row i = l2(m row i + (1 - m) v), v the new feature of image i",
                 &options.bank_momentum, 0, 1},
                {"--batch-norm", "put a batch norm after the Linear of each head", &options.batch_norm}},
      .views = [](const examples::Options& run, int size) {
        if (run.views != examples::Options().views)
          throw examples::UsageError("--views: PIRL has views of its own, an image and its jigsaw; got " + run.views);
        return data::pirl_views(size, run.strength);
      }};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::Pirl(setup.backbone(), setup.images(), options, setup.generator());
  });
}
