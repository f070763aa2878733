#include <fovea/nn/layers/conv.h>

#include <fovea/core/check.h>
#include <fovea/nn/init.h>

namespace fovea::nn {

namespace {

template <class Options>
void check_options(const char* layer, const Options& o) {
  check(o.in > 0 && o.out > 0 && o.kernel.h > 0 && o.kernel.w > 0,
        "{}: want positive sizes, got in={}, out={}, kernel={}", layer, o.in, o.out, o.kernel);
  check(o.groups > 0 && o.in % o.groups == 0 && o.out % o.groups == 0,
        "{}: want groups that divide in={} and out={}, got {}", layer, o.in, o.out, o.groups);
}

// ", name=value" unless it is the default.
std::string unless(Size2 usual, const char* name, Size2 value) {
  return value == usual ? "" : fmt::format(", {}={}", name, value);
}

}  // namespace

Conv2d::Conv2d(const Conv2dLayerOptions& o, Generator& generator)
    : options_{.stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups} {
  check_options("Conv2d", o);
  weight = Param(Tensor::empty({o.out, o.kernel.h, o.kernel.w, o.in / o.groups}));
  if (o.bias) bias = Param(Tensor::empty({o.out}));
  default_init_(weight.value, bias.value, generator);
}

Tensor Conv2d::relu(const Tensor& x) {
  Conv2dOptions options = options_;
  options.activation = Activation::relu;
  return conv2d(x, weight, bias, options);
}

void Conv2d::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string Conv2d::describe() const {
  const Shape& w = weight.value.shape();
  return fmt::format("Conv2d({}, {}, kernel={}{}{}{}{}{})", w[3] * options_.groups, w[0], Size2(w[1], w[2]),
                     unless(1, "stride", options_.stride), unless(0, "padding", options_.padding),
                     unless(1, "dilation", options_.dilation), unless(1, "groups", options_.groups),
                     bias.value.defined() ? "" : ", bias=false");
}

ConvTranspose2d::ConvTranspose2d(const ConvTranspose2dLayerOptions& o, Generator& generator)
    : options_{.stride = o.stride,
               .padding = o.padding,
               .output_padding = o.output_padding,
               .dilation = o.dilation,
               .groups = o.groups} {
  check_options("ConvTranspose2d", o);
  weight = Param(Tensor::empty({o.in, o.kernel.h, o.kernel.w, o.out / o.groups}));
  if (o.bias) bias = Param(Tensor::empty({o.out}));
  default_init_(weight.value, bias.value, generator);
}

void ConvTranspose2d::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string ConvTranspose2d::describe() const {
  const Shape& w = weight.value.shape();
  return fmt::format("ConvTranspose2d({}, {}, kernel={}{}{}{}{}{}{})", w[0], w[3] * options_.groups, Size2(w[1], w[2]),
                     unless(1, "stride", options_.stride), unless(0, "padding", options_.padding),
                     unless(0, "output_padding", options_.output_padding), unless(1, "dilation", options_.dilation),
                     unless(1, "groups", options_.groups), bias.value.defined() ? "" : ", bias=false");
}

}  // namespace fovea::nn
