#pragma once

#include <cmath>
#include <functional>

#include <fovea/core/autocast.h>
#include <fovea/core/ops.h>

#include "support/catch.h"

// What tests of losses of two views share: the rows of the known answers, and what holds for every such loss.
namespace fovea::testing {

inline Tensor eye(int64_t n, Dtype dtype = Dtype::f32) {
  Tensor t = Tensor::zeros({n, n});
  for (int64_t i = 0; i < n; ++i) t.data<float>()[i * n + i] = 1;
  return t.to(dtype);
}

inline Tensor scalar(double value, Dtype dtype = Dtype::f64) {
  return Tensor::full({}, value, dtype);
}

// The n rows of a view where the rows of several views lie one view after another.
inline Tensor rows(const Tensor& t, int64_t view, int64_t n) {
  return t.slice(view * n, (view + 1) * n);
}

// Two pairs of unit rows, with cosines .8 in both pairs.
inline Tensor known_a() {
  return Tensor::from<double>({2, 2}, {1, 0, 0.6, 0.8});
}
inline Tensor known_b() {
  return Tensor::from<double>({2, 2}, {0.8, 0.6, 0, 1});
}

using PairLoss = std::function<Tensor(const Tensor&, const Tensor&)>;

// A loss of cosines: the order of the rows, their lengths and the order of the views do not change it, bf16 rows change
// it little and give a loss in f32, autocast leaves f32 rows alone, and equal views give finite values and gradients.
inline void expect_loss_of_cosines(const PairLoss& loss, double bf16_tolerance = 0.02) {
  Generator generator(5);
  Tensor a = randn({11, 6}, generator), b = randn({11, 6}, generator);
  Tensor order = randperm(11, generator), lengths = uniform({11, 1}, 0.1, 9, generator);
  const double value = loss(a, b).item();
  CHECK(loss(b, a).item() == Approx(value).epsilon(1e-5));
  CHECK(loss(gather_rows(a, order), gather_rows(b, order)).item() == Approx(value).epsilon(1e-5));
  CHECK(loss(a * lengths, b * 40).item() == Approx(value).epsilon(1e-5));
  Tensor rounded = loss(a.to(Dtype::bf16), b.to(Dtype::bf16));
  CHECK(rounded.dtype() == Dtype::f32);
  CHECK(rounded.item() == Approx(value).margin(bf16_tolerance));
  {
    Autocast autocast;
    CHECK(loss(a, b).item() == value);
  }
  a.set_requires_grad();
  Tensor same = loss(a, a.detach());
  same.backward();
  CHECK(std::isfinite(same.item()));
  for (double g : a.grad().to_vector<double>()) CHECK(std::isfinite(g));
}

}  // namespace fovea::testing
