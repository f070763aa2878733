#include <fovea/nn/layers/norm.h>

#include <fovea/core/check.h>

namespace fovea::nn {

namespace {

const char* affine_note(const Param& weight) {
  return weight.value.defined() ? "" : ", affine=false";
}

}  // namespace

BatchNorm::BatchNorm(const char* name, int min_rank, int max_rank, const BatchNormLayerOptions& o)
    : name_(name), min_rank_(min_rank), max_rank_(max_rank), eps_(o.eps), momentum_(o.momentum) {
  check(o.features > 0, "{}: want at least one feature, got {}", name, o.features);
  if (o.affine) {
    weight = Param(Tensor::ones({o.features}));
    bias = Param(Tensor::zeros({o.features}));
  }
  running_mean = Buffer(Tensor::zeros({o.features}));
  running_var = Buffer(Tensor::ones({o.features}));
  num_batches_tracked = Buffer(Tensor::zeros({}, Dtype::i64));
}

Tensor BatchNorm::apply(const Tensor& x, bool relu, const Tensor& residual) {
  int64_t features = running_mean.value.numel();
  check(x.rank() >= min_rank_ && x.rank() <= max_rank_ && x.shape().back() == features,
        "{}: want a tensor of rank {} whose last dimension is {}, got {}", name_,
        min_rank_ == max_rank_ ? std::to_string(min_rank_) : fmt::format("{} or {}", min_rank_, max_rank_), features,
        x.shape());
  Tensor y = batch_norm(x, weight, bias, running_mean, running_var,
                        {.training = training_, .momentum = momentum_, .eps = eps_, .relu = relu}, residual);
  if (training_) increment_(num_batches_tracked.value);
  return y;
}

void BatchNorm::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
  v("running_mean", running_mean);
  v("running_var", running_var);
  v("num_batches_tracked", num_batches_tracked);
}

std::string BatchNorm::describe() const {
  return fmt::format("{}({}, eps={}, momentum={}{})", name_, running_mean.value.numel(), eps_, momentum_,
                     affine_note(weight));
}

LayerNorm::LayerNorm(const LayerNormOptions& o) : features_(o.features), eps_(o.eps) {
  check(o.features > 0, "LayerNorm: want at least one feature, got {}", o.features);
  if (!o.affine) return;
  weight = Param(Tensor::ones({o.features}));
  bias = Param(Tensor::zeros({o.features}));
}

Tensor LayerNorm::operator()(const Tensor& x) {
  check(x.rank() > 0 && x.shape().back() == features_, "LayerNorm: want a last dimension of {}, got {}", features_,
        x.shape());
  return layer_norm(x, weight, bias, eps_);
}

void LayerNorm::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string LayerNorm::describe() const {
  return fmt::format("LayerNorm({}, eps={}{})", features_, eps_, affine_note(weight));
}

GroupNorm::GroupNorm(const GroupNormOptions& o) : groups_(o.groups), channels_(o.channels), eps_(o.eps) {
  check(o.groups > 0 && o.channels > 0 && o.channels % o.groups == 0,
        "GroupNorm: want groups that divide the channels, got {} and {}", o.groups, o.channels);
  if (!o.affine) return;
  weight = Param(Tensor::ones({o.channels}));
  bias = Param(Tensor::zeros({o.channels}));
}

Tensor GroupNorm::operator()(const Tensor& x) {
  check(x.rank() > 0 && x.shape().back() == channels_, "GroupNorm: want a last dimension of {}, got {}", channels_,
        x.shape());
  return group_norm(x, groups_, weight, bias, eps_);
}

void GroupNorm::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string GroupNorm::describe() const {
  return fmt::format("GroupNorm({}, {}, eps={}{})", groups_, channels_, eps_, affine_note(weight));
}

}  // namespace fovea::nn
