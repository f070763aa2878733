#include <fovea/models/methods/contrastive/pirl.h>

#include <cmath>

#include <fovea/core/check.h>
#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

const Choices<PirlLoss>& pirl_losses() {
  static const Choices<PirlLoss> all = {
      {"nce", "noise-contrastive estimation (NCE) with K images drawn at random as noise", PirlLoss::nce},
      {"info-nce", "InfoNCE: cross entropy over the image's own row of the memory bank and K rows drawn at random",
       PirlLoss::info_nce}};
  return all;
}

Pirl::Pirl(Backbone network, int64_t images, const PirlOptions& o, Generator& generator)
    : options(o),
      backbone(std::move(network)),
      bank({.images = images, .dim = o.out}, generator),
      projector(contrast_head({.in = backbone.features(), .out = o.out, .batch_norm = o.batch_norm}, generator)),
      patch_head(contrast_head({.in = backbone.features(), .out = o.out, .batch_norm = o.batch_norm}, generator)),
      jigsaw_head(contrast_head({.in = kSide * kSide * o.out, .out = o.out, .batch_norm = o.batch_norm}, generator)),
      nce({.images = images, .temperature = o.temperature}) {
  pirl_losses().at(o.loss, "Pirl");
}

Tensor Pirl::jigsaw(const Tensor& x) {
  check(x.rank() == 4 && x.size(1) % kSide == 0 && x.size(2) % kSide == 0,
        "Pirl: want jigsaws [N, H, W, C] of {0} x {0} patches, got {1}", kSide, x.shape());
  const int64_t n = x.size(0), h = x.size(1) / kSide, w = x.size(2) / kSide, c = x.size(3);
  Tensor patches = permute(reshape(x, {n, kSide, h, kSide, w, c}), {0, 1, 3, 2, 4, 5});
  Tensor features = patch_head(backbone(reshape(patches, {n * kSide * kSide, h, w, c})));
  return jigsaw_head(reshape(features, {n, -1}));
}

Tensor Pirl::loss(const data::Batch& batch, Step& step) {
  Tensor v = step.gather(projector(step.features(backbone, batch.group(0))));  // [N, out], of the images
  Tensor w = step.gather(jigsaw(batch.group(1)));                              // [N, out], of their jigsaws
  Tensor index = step.gather(batch.index), own = bank.at(index), others = noise();
  step.watch(v, w);
  const bool info_nce = pirl_losses().at(options.loss, "Pirl") == PirlLoss::info_nce;
  if (info_nce) step.chance(std::log(1.0 + double(options.negatives)));
  auto contrast = [&](const Tensor& features) {
    return info_nce ? losses::info_nce(features, own.to(features.dtype()), others, options.temperature)
                    : nce(features, own, others);
  };
  Tensor of_image = contrast(v), of_jigsaw = contrast(w);  // in this order: Z is guessed from the images
  bank.update(index, v, options.bank_momentum);
  return (1 - options.jigsaw_weight) * of_image + options.jigsaw_weight * of_jigsaw;
}

void Pirl::visit(nn::Visitor& v) {
  v("backbone", backbone);
  v("projector", projector);
  v("patch_head", patch_head);
  v("jigsaw_head", jigsaw_head);
  v("bank", bank);
  v("loss", nce);
}

}  // namespace fovea::models
