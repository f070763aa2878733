#include <fovea/kernels/cholesky.h>

#include <array>
#include <cmath>
#include <vector>

#include "support/catch.h"
#include "support/numbers.h"

using namespace fovea::kernels;
using fovea::testing::pseudo_normal;

TEMPLATE_TEST_CASE("the inverse Cholesky factor makes its matrix the identity", "[kernels][linalg]", float, double) {
  using T = TestType;
  for (auto [count, n] : {std::array<int64_t, 2>{1, 1}, {3, 2}, {2, 17}, {1, 64}, {4, 131}}) {
    INFO(count << " matrices of " << n);
    // s = b b^T of more columns than rows; above the diagonal stands what must not be read.
    const int64_t cols = 4 * n;
    const std::vector<float> b = pseudo_normal(count * n * cols, 5);
    std::vector<T> s(size_t(count * n * n)), w(s.size(), T(77));
    for (int64_t m = 0; m < count; ++m)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t k = 0; k < cols; ++k)
            sum += double(b[size_t((m * n + i) * cols + k)]) * double(b[size_t((m * n + j) * cols + k)]);
          s[size_t((m * n + i) * n + j)] = j <= i ? T(sum) : T(NAN);
        }
    const double scale = 0.5, shift = 0.25;
    cholesky_inverse(cpu(), count, n, scale, shift, s.data(), w.data());
    double worst = 0, above = 0;
    for (int64_t m = 0; m < count; ++m)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) {
          const T *left = &w[size_t((m * n + i) * n)], *right = &w[size_t((m * n + j) * n)];
          if (j > i) above = std::max(above, std::abs(double(left[j])));
          double sum = 0;  // (w (scale s + shift) w^T)_ij
          for (int64_t k = 0; k < n; ++k)
            for (int64_t l = 0; l < n; ++l) {
              const double entry = double(s[size_t((m * n + std::max(k, l)) * n + std::min(k, l))]);
              sum += double(left[k]) * (scale * entry + (k == l ? shift : 0)) * double(right[l]);
            }
          worst = std::max(worst, std::abs(sum - (i == j)));
        }
    CHECK(worst < (sizeof(T) == 8 ? 1e-12 : 1e-5));
    CHECK(above == 0);
  }
}

TEST_CASE("a matrix that is not positive definite has no inverse factor", "[kernels][linalg]") {
  const std::vector<double> s = {1, 0, 2, 1};
  std::vector<double> w(4);
  cholesky_inverse(cpu(), 1, 2, 1, 0, s.data(), w.data());
  CHECK(std::isnan(w[3]));
  CHECK(w[0] == 1);
}

TEST_CASE("lower triangles are mirrored", "[kernels][linalg]") {
  std::vector<float> a = {1, 9, 9, 2, 3, 9, 4, 5, 6, 7, 8, 8, 1, 2, 8, 3, 4, 5};
  mirror_lower(cpu(), 2, 3, a.data());
  CHECK(a == std::vector<float>{1, 2, 4, 2, 3, 5, 4, 5, 6, 7, 1, 3, 1, 2, 4, 3, 4, 5});
}
