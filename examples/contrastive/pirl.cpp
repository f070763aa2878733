// PIRL: an image and a jigsaw of it must both match what a memory bank holds of the image.
// Self-Supervised Learning of Pretext-Invariant Representations (Misra & van der Maaten, 2019), arXiv:1912.01991.
//
//   bin/pirl --preset short --limit 10000 --width 16      Fashion-MNIST, a small one for two cores
//   bin/pirl --data cifar10:DIR --epochs 200 --out runs/cifar
//
// The defaults are the paper's, but for 4096 negatives where it has 32000. The noise of a step serves images and
// jigsaws alike. The views are PIRL's own: of the flags for views only --strength applies. More: docs/methods/pirl.md.
#include <cmath>

#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/losses/contrastive/instance.h>
#include <fovea/models/methods/contrastive/pirl.h>
#include <fovea/models/with_loss.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "pirl",
      .title = "PIRL",
      .paper = "Self-Supervised Learning of Pretext-Invariant Representations (Misra & van der Maaten, 2019)",
      .presets = {
          {"imagenette-table", "--epochs 800 --batch 256"},
          {"short",
           "--loss info-nce --temperature 0.2 --bank-momentum 0 --batch-norm --strength 2 --batch 128 --lr 0.02 "
           "--warmup 0.1 --weight-decay 5e-4"}}};
  std::string kind = "nce";
  float temperature = 0.07f, jigsaw_weight = 0.5f, bank_momentum = 0.5f;
  int negatives = 4096;
  bool batch_norm = false;
  const std::vector<examples::Flag> flags = {
      {"--loss", "nce or info-nce", &kind},
      {"--temperature", "of the loss", &temperature, 1e-3, 100},
      {"--negatives", "images drawn as noise each step", &negatives, 1, 1 << 24},
      {"--jigsaw-weight", "share of the jigsaws' loss", &jigsaw_weight, 0, 1},
      {"--bank-momentum", "share of an image's row that stays when it is seen", &bank_momentum, 0, 1},
      {"--batch-norm", "after each head", &batch_norm}};
  const examples::Options defaults{.lr = 0.03f, .weight_decay = 1e-4f};

  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    if (kind != "nce" && kind != "info-nce") throw examples::UsageError("--loss: want nce or info-nce, got " + kind);
    if (options.views != defaults.views)
      throw examples::UsageError("--views: PIRL has views of its own, an image and its jigsaw; got " + options.views);
    examples::Training training(options, [&](int size) { return data::pirl_views(size, options.strength); });
    const int64_t images = training.images().size();
    models::WithLoss<models::Pirl, losses::InstanceNce> model(
        models::Pirl(training.backbone(), images, 128, batch_norm), losses::InstanceNce(images, temperature));
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      Tensor v = model.projector(run.features(model.backbone, batch.groups[0]));  // [N, 128], of the images
      Tensor w = model.jigsaw(batch.groups[1]);                                   // [N, 128], of their jigsaws
      Tensor own = model.bank.at(batch.index), noise = model.bank.sample(negatives);
      run.watch(v, w);
      if (kind == "info-nce") run.chance(std::log(1.0 + negatives));
      auto contrast = [&](const Tensor& features) {
        return kind == "nce" ? model.loss(features, own, noise)
                             : losses::info_nce(features, own.to(features.dtype()), noise, temperature);
      };
      Tensor of_image = contrast(v), of_jigsaw = contrast(w);  // in this order: Z is guessed from the images
      Tensor loss = (1 - jigsaw_weight) * of_image + jigsaw_weight * of_jigsaw;
      model.bank.update(batch.index, v, bank_momentum);
      return loss;
    });
  });
}
