#include <fovea/nn/init.h>

#include <cmath>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>

namespace fovea::nn {

namespace {

void assign(Tensor& t, const Tensor& values) {
  NoGrad no_grad;
  t.copy_(values);
}

double kaiming_std(const Tensor& t, const KaimingOptions& options) {
  Fans fan = fans(t.shape());
  return std::sqrt(2 / (1 + options.a * options.a) / double(options.mode == FanMode::in ? fan.in : fan.out));
}

double xavier_std(const Tensor& t, double gain) {
  Fans fan = fans(t.shape());
  return gain * std::sqrt(2.0 / double(fan.in + fan.out));
}

// The share of standard normal numbers below x.
double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

}  // namespace

Fans fans(const Shape& weight) {
  check(weight.rank() >= 2 && weight.numel() > 0, "fans: want a weight of rank 2 or more with elements, got {}",
        weight);
  return {weight.numel() / weight[0], weight.numel() / weight[-1]};
}

void kaiming_uniform_(Tensor t, KaimingOptions options, Generator& generator) {
  double bound = std::sqrt(3.0) * kaiming_std(t, options);
  uniform_(t, -bound, bound, generator);
}

void kaiming_normal_(Tensor t, KaimingOptions options, Generator& generator) {
  normal_(t, 0, kaiming_std(t, options), generator);
}

void xavier_uniform_(Tensor t, double gain, Generator& generator) {
  double bound = std::sqrt(3.0) * xavier_std(t, gain);
  uniform_(t, -bound, bound, generator);
}

void xavier_normal_(Tensor t, double gain, Generator& generator) {
  normal_(t, 0, xavier_std(t, gain), generator);
}

void normal_(Tensor t, double mean, double std, Generator& generator) {
  Tensor values = randn(t.shape(), generator);
  float* v = values.data<float>();
  for (int64_t i = 0; i < values.numel(); ++i) v[i] = float(mean + std * v[i]);
  assign(t, values);
}

void uniform_(Tensor t, double low, double high, Generator& generator) {
  assign(t, uniform(t.shape(), low, high, generator));
}

void trunc_normal_(Tensor t, TruncNormalOptions options, Generator& generator) {
  const auto& [mean, std, low, high] = options;
  check(
      std > 0 && normal_cdf((high - mean) / std) - normal_cdf((low - mean) / std) > 0.01,
      "trunc_normal_: want an interval that holds at least 1 % of the normal numbers, got mean {}, std {} in [{}, {}]",
      mean, std, low, high);
  Tensor values = Tensor::empty(t.shape());
  float* v = values.data<float>();
  std::vector<int64_t> open(size_t(values.numel()));
  for (size_t i = 0; i < open.size(); ++i) open[i] = int64_t(i);
  while (!open.empty()) {
    Tensor drawn = randn({int64_t(open.size())}, generator);
    const float* d = drawn.data<float>();
    std::vector<int64_t> outside;
    for (size_t i = 0; i < open.size(); ++i) {
      double value = mean + std * d[i];
      if (value < low || value > high) outside.push_back(open[i]);
      v[open[i]] = float(value);
    }
    open = std::move(outside);
  }
  assign(t, values);
}

void constant_(Tensor t, double value) {
  NoGrad no_grad;
  t.fill_(value);
}

void default_init_(Tensor weight, Tensor bias, Generator& generator) {
  kaiming_uniform_(weight, {.a = std::sqrt(5.0)}, generator);
  if (!bias.defined()) return;
  double bound = 1 / std::sqrt(double(fans(weight.shape()).in));
  uniform_(bias, -bound, bound, generator);
}

}  // namespace fovea::nn
