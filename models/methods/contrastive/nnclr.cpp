#include <fovea/models/methods/contrastive/nnclr.h>

#include <cmath>

#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/losses/contrastive/nt_xent.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

Nnclr::Nnclr(Backbone network, const NnclrOptions& o, Generator& generator)
    : options(o),
      backbone(std::move(network)),
      support({.size = o.support, .dim = o.out}, generator),
      projector(mlp_head({backbone.features(), o.hidden, o.hidden, o.out}, LastNorm::batch_norm, generator)),
      predictor(mlp_head({o.out, o.predictor_hidden > 0 ? o.predictor_hidden : 2 * o.hidden, o.out}, LastNorm::none,
                         generator)) {}

Tensor Nnclr::neighbours(const Tensor& z) const {
  NoGrad no_grad;
  const Tensor& rows = support.rows();
  return gather_rows(rows, nearest_rows(z.detach().to(rows.dtype()), rows));
}

Tensor Nnclr::loss(const data::Batch& batch, Step& step) {
  Tensor z = projector(step.features(backbone, batch.group(0)));  // [2N, out], view after view
  const auto [p1, p2] = two_views(step.gather(predictor(z).to(Dtype::f32), 2));
  const auto [n1, n2] = two_views(step.gather(neighbours(z), 2));
  const auto [z1, z2] = two_views(z);
  step.watch(z1, z2);
  const int64_t n = p1.size(0);
  step.chance(std::log(double(options.nt_xent ? 2 * n - 1 : n)));
  support.push(step.gather(normalize(z1.detach())));
  auto contrast = [&](const Tensor& neighbour, const Tensor& prediction) {
    return options.nt_xent ? losses::nt_xent(neighbour, prediction, options.temperature)
                           : losses::info_nce(neighbour, prediction, options.temperature);
  };
  return (contrast(n1, p2) + contrast(n2, p1)) / 2;
}

void Nnclr::visit(nn::Visitor& v) {
  v("backbone", backbone);
  v("projector", projector);
  v("predictor", predictor);
  v("support", support);
}

}  // namespace fovea::models
