#include "support/op_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace fovea::testing {

// Roundings of a result that a numeric slope is forgiven, in units of f64's epsilon.
static constexpr double kRoundings = 1;

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

// A slope with what rounding alone may have added to it: an epsilon of every result that moved, over the distance.
struct Slope {
  double value = 0, rounding = 0;
};

// The slope of the weighted sum of the results between `down` and `up`, `distance` apart. Elements are subtracted
// before they are summed: those that did not move add no rounding.
static Slope slope_between(const Tensor& down, const Tensor& up, const Tensor& w, double distance) {
  Slope s;
  for (int64_t i = 0; i < w.numel(); ++i) {
    const double lower = down.data<double>()[i], upper = up.data<double>()[i], weight = w.data<double>()[i];
    if (lower == upper) continue;
    s.value += weight * (upper - lower);
    s.rounding += std::abs(weight) * (std::abs(lower) + std::abs(upper));
  }
  s.value /= distance, s.rounding *= std::numeric_limits<double>::epsilon() / distance;
  return s;
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
  Rng rng(7, 4321);  // a pattern would be the same in every row of some width: no gradient through a softmax over rows
  for (int64_t i = 0; i < dy.numel(); ++i)
    dy.data<float>()[i] = float(rng.integer(1, 4)) * (rng.bernoulli(0.5f) ? 0.5f : -0.5f);  // exact in bf16
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
    double scale = op.zero, error = 0;
    for (int64_t i = 0; i < x.numel(); i += step_over) {
      double& v = x.data<double>()[i];
      double keep = v, step = 1e-5 * std::max(1.0, std::abs(keep));
      v = keep + step;
      Tensor up = op.f(inputs).clone();  // it may be a view of x
      v = keep - step;
      Slope numeric = slope_between(op.f(inputs), up, w, 2 * step);
      v = keep;
      double difference = std::abs(numeric.value - grad.data<double>()[i]) - numeric.rounding;
      if (!std::isfinite(difference)) return INFINITY;
      scale = std::max(scale, std::abs(numeric.value)), error = std::max(error, difference);
    }
    worst = std::max(worst, error / scale);
  }
  return worst;
}

double relative_error(const Tensor& a, const Tensor& b, double zero) {
  if (a.shape() != b.shape()) return INFINITY;
  std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  double scale = zero, worst = 0;
  for (double v : y)
    if (std::isfinite(v)) scale = std::max(scale, std::abs(v));
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) return INFINITY;
    worst = std::max(worst, std::abs(x[i] - y[i]));
  }
  return worst / scale;
}

// The rows of each file, by its name: their order does not depend on the linker.
static std::map<std::string, std::vector<OpCase> (*)()>& files() {
  static std::map<std::string, std::vector<OpCase> (*)()> all;
  return all;
}

AddOpRows::AddOpRows(std::vector<OpCase> (*rows)(), const char* file) {
  files()[file] = rows;
}

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> all = [] {
    std::vector<OpCase> rows;
    for (const auto& [file, make] : files())
      for (OpCase& row : make()) rows.push_back(std::move(row));
    return rows;
  }();
  return all;
}

}  // namespace fovea::testing
