#include <fovea/models/methods/contrastive/nnclr.h>

namespace fovea::models {

Nnclr::Nnclr(Backbone network, const Options& options, Generator& generator)
    : Encoder(std::move(network)), support(options.support, options.out, generator) {
  projector =
      mlp_head({backbone.features(), options.hidden, options.hidden, options.out}, LastNorm::batch_norm, generator);
  predictor = mlp_head({options.out, options.predictor_hidden, options.out}, LastNorm::none, generator);
}

Tensor Nnclr::neighbours(const Tensor& z) const {
  NoGrad no_grad;
  const Tensor& rows = support.rows();
  return gather_rows(rows, nearest_rows(z.detach().to(rows.dtype()), rows));
}

void Nnclr::visit(nn::Visitor& v) {
  Encoder::visit(v);
  v("predictor", predictor);
  v("support", support);
}

}  // namespace fovea::models
