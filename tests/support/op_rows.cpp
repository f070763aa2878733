#include "support/op_rows.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace fovea::testing {

static std::vector<double> values_of(const Input& input, uint64_t stream) {
  std::vector<double> v(size_t(input.shape.numel()));
  Rng rng(20240607, stream);
  for (double& x : v) {
    switch (input.fill) {
      case Fill::normal:
        x = rng.normal();
        break;
      case Fill::positive:
        x = rng.uniform(0.5f, 2.0f);
        break;
      case Fill::away:
        x = rng.normal(), x += x < 0 ? -0.1 : 0.1;
        break;
      case Fill::spread:
        break;
      case Fill::index:
        x = double(rng.integer(0, input.limit));
        break;
      case Fill::mask:
        x = rng.bernoulli(0.5f);
        break;
      case Fill::unit:
        x = rng.uniform(0.01f, 0.99f);
        break;
      case Fill::simplex:
        x = rng.uniform(0.01f, 1.0f);
        break;
    }
  }
  if (input.fill == Fill::spread) {
    for (size_t i = 0; i < v.size(); ++i) v[i] = 0.05 * (double(i) - double(v.size()) / 2);
    for (size_t i = v.size(); i > 1; --i) std::swap(v[i - 1], v[size_t(rng.integer(0, int64_t(i)))]);
  }
  if (input.fill == Fill::simplex && !v.empty()) {
    size_t cols = size_t(input.shape.back());
    for (size_t r = 0; r < v.size(); r += cols) {
      double sum = 0;
      for (size_t c = 0; c < cols; ++c) sum += v[r + c];
      for (size_t c = 0; c < cols; ++c) v[r + c] /= sum;
    }
  }
  return v;
}

Inputs make_inputs(const OpCase& op, Dtype dtype, bool rounded) {
  Inputs out;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const Input& input = op.inputs[i];
    Tensor t = Tensor::from<double>(input.shape, values_of(input, i));
    if (input.fill == Fill::index) {
      out.push_back(t.to(Dtype::i64));
    } else if (input.fill == Fill::mask) {
      out.push_back(t.to(Dtype::u8));
    } else {
      if (rounded) t = t.to(Dtype::bf16);
      out.push_back(t.to(dtype).clone().set_requires_grad(input.differentiable));
    }
  }
  return out;
}

// Weights for the result's elements, so that no gradient cancels.
static Tensor weights_like(const Tensor& y) {
  Tensor w = Tensor::empty(y.shape(), Dtype::f64);
  Rng rng(7, 1234);
  for (int64_t i = 0; i < w.numel(); ++i)
    w.data<double>()[i] = rng.uniform(0.5f, 1.5f) * (rng.bernoulli(0.5f) ? 1 : -1);
  return w;
}

static double weighted_sum(const Tensor& y, const Tensor& w) {
  double sum = 0;
  for (int64_t i = 0; i < y.numel(); ++i) sum += y.data<double>()[i] * w.data<double>()[i];
  return sum;
}

std::vector<Tensor> result_and_gradients(const OpCase& op, Dtype dtype, Device device, bool rounded) {
  Inputs inputs = make_inputs(op, dtype, rounded);
  if (device.is_cuda())
    for (Tensor& x : inputs) {
      bool differentiable = x.requires_grad();
      x = x.detach().to(device);
      if (differentiable) x.set_requires_grad();
    }
  Tensor y = op.f(inputs);
  std::vector<Tensor> out{y.detach()};
  if (!y.requires_grad()) return out;
  Tensor dy = Tensor::empty(y.shape());
  for (int64_t i = 0; i < dy.numel(); ++i)
    dy.data<float>()[i] = float(1 + i % 3) * (i % 2 ? -0.5f : 0.5f);  // exact in bf16
  y.backward(dy.to(y.dtype()).to(device));
  for (const Tensor& x : inputs)
    if (x.requires_grad()) out.push_back(x.grad());
  return out;
}

// How many elements of a large input differences are taken for, at least. The stride is odd, so that it meets every
// column of the usual widths.
static constexpr int64_t kMostDifferences = 300;

double gradient_error(const OpCase& op) {
  Inputs inputs = make_inputs(op, Dtype::f64);
  Tensor y = op.f(inputs);
  Tensor w = weights_like(y);
  y.backward(w);
  double worst = 0;
  NoGrad no_grad;
  for (Tensor& x : inputs) {
    if (!x.requires_grad()) continue;
    Tensor grad = x.grad();
    if (x.numel() && !grad.defined()) return INFINITY;
    const int64_t step_over = (x.numel() / kMostDifferences) | 1;
    for (int64_t i = 0; i < x.numel(); i += step_over) {
      double& v = x.data<double>()[i];
      double keep = v, step = 1e-5 * std::max(1.0, std::abs(keep));
      v = keep + step;
      double up = weighted_sum(op.f(inputs), w);
      v = keep - step;
      double down = weighted_sum(op.f(inputs), w);
      v = keep;
      double numeric = (up - down) / (2 * step), error = std::abs(numeric - grad.data<double>()[i]);
      worst = std::isfinite(error) ? std::max(worst, error / std::max(1.0, std::abs(numeric))) : INFINITY;
    }
  }
  return worst;
}

double relative_error(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return INFINITY;
  std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  double scale = 1, worst = 0;
  for (double v : y)
    if (std::isfinite(v)) scale = std::max(scale, std::abs(v));
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) return INFINITY;
    worst = std::max(worst, std::abs(x[i] - y[i]));
  }
  return worst / scale;
}

// The families, each in its own file.
std::vector<OpCase> activation_cases();
std::vector<OpCase> arith_cases();
std::vector<OpCase> conv_cases();
std::vector<OpCase> decorrelation_cases();
std::vector<OpCase> multi_crop_cases();
std::vector<OpCase> norm_cases();
std::vector<OpCase> pool_cases();
std::vector<OpCase> reduce_cases();
std::vector<OpCase> shape_cases();
std::vector<OpCase> linalg_cases();
std::vector<OpCase> linear_cases();
std::vector<OpCase> loss_cases();
std::vector<OpCase> low_rank_cases();
std::vector<OpCase> attention_cases();
std::vector<OpCase> siamese_cases();
std::vector<OpCase> contrastive_cases();
std::vector<OpCase> queues_cases();

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> all = [] {
    std::vector<OpCase> rows;
    const std::vector<std::vector<OpCase>> families = {
        attention_cases(),  loss_cases(),    low_rank_cases(),   linear_cases(),      arith_cases(),
        activation_cases(), reduce_cases(),  shape_cases(),      conv_cases(),        norm_cases(),
        pool_cases(),       siamese_cases(), multi_crop_cases(), contrastive_cases(), decorrelation_cases(),
        linalg_cases(),     queues_cases(),
    };
    for (const auto& family : families) rows.insert(rows.end(), family.begin(), family.end());
    return rows;
  }();
  return all;
}

}  // namespace fovea::testing
