#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <fovea/kernels/matmul.h>

#include "support/numbers.h"

namespace fovea::testing {

// A product with its operands, for all who multiply them, and the formula to compare with. `c` is what is there before.
template <class T, class Out>
struct MatmulCase {
  kernels::MatmulSizes s;
  kernels::MatmulOutput<T> output;  // without pointers
  bool with_bias = false, with_residual = false;
  std::vector<T> a = as<T>(numbers<bf16>(s.m * s.k + (s.batch - 1) * s.stride_a, 1, 0.5));
  std::vector<T> b = as<T>(numbers<bf16>(s.k * s.n + (s.batch - 1) * s.stride_b, 2, 0.5));
  std::vector<Out> c = as<Out>(numbers<bf16>(count(), 3, 0.5));
  std::vector<kernels::accumulator_t<T>> bias =
      as<kernels::accumulator_t<T>>(numbers<bf16>(with_bias ? s.n : 0, 4, 0.5));
  std::vector<T> residual = as<T>(numbers<bf16>(with_residual ? count() : 0, 5, 0.5));

  int64_t count() const { return s.m * s.n + (s.batch - 1) * s.stride_c; }

  // The largest error of `result`, in units of the sum of the absolute values that went in.
  double error(const std::vector<Out>& result) const {
    using Acc = kernels::accumulator_t<T>;
    std::vector<double> sum(c.size()), size(c.size());
    for (size_t i = 0; i < c.size(); ++i) {
      double before = output.beta * double(kernels::accumulator_t<Out>(c[i]));
      double added = with_residual ? double(Acc(residual[i])) : 0;
      sum[i] = before + added, size[i] = 1 + std::abs(before) + std::abs(added);
    }
    std::vector<double> left = plain(a), right = plain(b);
    for (int64_t r = 0; r < s.batch; ++r)
      for (int64_t i = 0; i < s.m; ++i)
        for (int64_t j = 0; j < s.n; ++j) {
          const double* x = left.data() + r * s.stride_a + i * (s.transpose_a ? 1 : s.k);
          const double* y = right.data() + r * s.stride_b + j * (s.transpose_b ? s.k : 1);
          int64_t step_x = s.transpose_a ? s.m : 1, step_y = s.transpose_b ? 1 : s.n;
          double total = 0, total_size = 0;
          for (int64_t z = 0; z < s.k; ++z) {
            double product = output.alpha * x[z * step_x] * y[z * step_y];
            total += product, total_size += std::abs(product);
          }
          size_t at = size_t(r * s.stride_c + i * s.n + j);
          sum[at] += total, size[at] += total_size;
        }
    double worst = 0;
    for (size_t i = 0; i < c.size(); ++i) {
      double x = sum[i] + (with_bias ? double(bias[i % size_t(s.n)]) : 0);
      if (output.epilogue == kernels::Epilogue::relu) x = std::max(x, 0.0);
      if (output.epilogue == kernels::Epilogue::gelu) x *= 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
      double difference = std::abs(x - double(kernels::accumulator_t<Out>(result[i]))) / size[i];
      worst = difference <= worst ? worst : std::isnan(difference) ? INFINITY : difference;
    }
    return worst;
  }

 private:
  static std::vector<double> plain(const std::vector<T>& v) {
    std::vector<double> out;
    for (T x : v) out.push_back(double(kernels::accumulator_t<T>(x)));
    return out;
  }
};

}  // namespace fovea::testing
