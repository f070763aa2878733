#include <fovea/models/heads.h>

#include <fovea/core/check.h>
#include <fovea/nn/activation.h>
#include <fovea/nn/linear.h>
#include <fovea/nn/norm.h>

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
    if (layer.relu) head.append(nn::ReLU());
  }
  return head;
}

nn::Sequential simclr_head(int64_t in, int64_t hidden, int64_t out, Generator& generator) {
  return make_head(
      {{.in = in, .out = hidden, .batch_norm = true, .relu = true}, {.in = hidden, .out = out, .batch_norm = true}},
      generator);
}

}  // namespace fovea::models
