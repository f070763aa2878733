#include <fovea/models/methods/contrastive/pirl.h>

#include <fovea/core/check.h>

namespace fovea::models {

Pirl::Pirl(Backbone network, int64_t images, int64_t out, bool batch_norm, Generator& generator)
    : Encoder(std::move(network)), bank(images, out, generator) {
  projector = contrast_head(backbone.features(), 0, out, batch_norm, generator);
  patch_head = contrast_head(backbone.features(), 0, out, batch_norm, generator);
  jigsaw_head = contrast_head(kSide * kSide * out, 0, out, batch_norm, generator);
}

Tensor Pirl::jigsaw(const Tensor& x) {
  check(x.rank() == 4 && x.size(1) % kSide == 0 && x.size(2) % kSide == 0,
        "Pirl: want jigsaws [N, H, W, C] of {0} x {0} patches, got {1}", kSide, x.shape());
  const int64_t n = x.size(0), h = x.size(1) / kSide, w = x.size(2) / kSide, c = x.size(3);
  Tensor patches = permute(reshape(x, {n, kSide, h, kSide, w, c}), {0, 1, 3, 2, 4, 5});
  Tensor features = patch_head(backbone(reshape(patches, {n * kSide * kSide, h, w, c})));
  return jigsaw_head(reshape(features, {n, -1}));
}

void Pirl::visit(nn::Visitor& v) {
  Encoder::visit(v);
  v("patch_head", patch_head);
  v("jigsaw_head", jigsaw_head);
  v("bank", bank);
}

}  // namespace fovea::models
