#include <fovea/models/parts/heads.h>

#include <fovea/core/check.h>
#include <fovea/nn/layers/activation.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/layers/norm.h>

namespace fovea::models {

nn::Sequential make_head(const std::vector<HeadLayer>& layers, Generator& generator) {
  nn::Sequential head;
  for (size_t i = 0; i < layers.size(); ++i) {
    const HeadLayer& layer = layers[i];
    check(i == 0 || layer.in == layers[i - 1].out,
          "make_head: want layer {} to take the {} features of the one before, got {}", i, layers[i - (i > 0)].out,
          layer.in);
    head.append(nn::Linear({.in = layer.in, .out = layer.out, .bias = layer.bias}, generator));
    if (layer.batch_norm) head.append(nn::BatchNorm1d({.features = layer.out, .affine = layer.affine}));
    if (layer.layer_norm) head.append(nn::LayerNorm({.features = layer.out}));
    if (layer.relu) head.append(nn::ReLU());
    if (layer.gelu) head.append(nn::GELU());
  }
  return head;
}

nn::Sequential mlp_head(const std::vector<int64_t>& widths, LastNorm last, Generator& generator) {
  check(widths.size() >= 2, "mlp_head: want two widths at least, got {}", widths.size());
  std::vector<HeadLayer> layers;
  for (size_t i = 1; i < widths.size(); ++i) {
    const bool hidden = i + 1 < widths.size();
    layers.push_back({.in = widths[i - 1],
                      .out = widths[i],
                      .batch_norm = hidden || last != LastNorm::none,
                      .relu = hidden,
                      .affine = hidden || last != LastNorm::batch_norm_without_affine});
  }
  return make_head(layers, generator);
}

nn::Sequential contrast_head(const ContrastHeadOptions& options, Generator& generator) {
  const auto [in, hidden, out, batch_norm] = options;
  HeadLayer last{.in = hidden > 0 ? hidden : in, .out = out, .batch_norm = batch_norm, .affine = !batch_norm};
  if (hidden == 0) return make_head({last}, generator);
  return make_head({{.in = in, .out = hidden, .batch_norm = batch_norm, .relu = true}, last}, generator);
}

nn::Sequential expander(int64_t features, int64_t width, Generator& generator) {
  if (width <= 0) width = 4 * features;
  return mlp_head({features, width, width, width}, LastNorm::none, generator);
}

}  // namespace fovea::models
