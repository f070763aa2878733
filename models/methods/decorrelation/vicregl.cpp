#include <fovea/models/methods/decorrelation/vicregl.h>

namespace fovea::models {

VicRegL::VicRegL(Backbone network, const VicRegLOptions& options, Generator& generator) : Encoder(std::move(network)) {
  projector = expander(backbone.features(), options.width, generator);
  auto block = [&](int64_t in) {
    return HeadLayer{.in = in,
                     .out = options.local,
                     .batch_norm = !options.layer_norm,
                     .relu = true,
                     .layer_norm = options.layer_norm};
  };
  local_projector = make_head(
      {block(backbone.features()), block(options.local), {.in = options.local, .out = options.local}}, generator);
}

Tensor VicRegL::local(const Tensor& map) {
  const int64_t n = map.size(0), places = map.size(1) * map.size(2);
  return local_projector(map.reshape({n * places, map.size(3)})).reshape({n, places, -1});
}

}  // namespace fovea::models
