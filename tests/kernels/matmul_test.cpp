#include <fovea/kernels/base/matmul_tile_isa.h>
#include <fovea/kernels/copy.h>
#include <fovea/kernels/matmul.h>
#include <fovea/kernels/random.h>
#include <cmath>
#include <type_traits>
#include <vector>

#include "support/catch.h"
#include "support/matmul_case.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

template <class T, class Out>
double error(MatmulSizes s, MatmulOutput<T> output, bool with_bias, bool with_residual = false) {
  MatmulCase<T, Out> test{s, output, with_bias, with_residual};
  std::vector<Out> c = test.c;
  if (with_bias) output.bias = test.bias.data();
  if (with_residual) output.residual = test.residual.data();
  matmul(cpu(), s, test.a.data(), test.b.data(), c.data(), output);
  return test.error(c);
}

template <class T, class Out>
constexpr double tolerance() {
  return std::is_same_v<Out, bf16> ? 5e-3 : std::is_same_v<T, double> ? 1e-15 : 1e-6;
}

struct Size {
  int64_t m, n, k;
};
const std::vector<Size> kSizes{{1, 1, 1},     {7, 5, 3},    {48, 64, 16}, {49, 65, 17},
                               {1, 130, 300}, {97, 3, 257}, {13, 300, 1}, {65, 70, 513}};

}  // namespace

TEMPLATE_TEST_CASE("matmul agrees with the formula for every transposition", "[kernels][matmul]", float, double, bf16) {
  for (Size size : kSizes)
    for (int flags = 0; flags < 4; ++flags) {
      MatmulSizes s{size.m, size.n, size.k, bool(flags & 1), bool(flags & 2)};
      INFO(size.m << " " << size.n << " " << size.k << " flags " << flags);
      CHECK(error<TestType, TestType>(s, {}, false) < tolerance<TestType, TestType>());
    }
}

TEST_CASE("matmul of bf16 can give float", "[kernels][matmul]") {
  for (Size size : kSizes) CHECK(error<bf16, float>({size.m, size.n, size.k, false, true}, {}, true) < 1e-6);
}

TEMPLATE_TEST_CASE("matmul scales, adds to what is there, adds a bias and a residual and applies the epilogue",
                   "[kernels][matmul]", float, double, bf16) {
  for (Size size : kSizes)
    for (Epilogue epilogue : {Epilogue::none, Epilogue::relu, Epilogue::gelu})
      for (double beta : {0.0, 1.0, -0.5}) {
        MatmulSizes s{size.m, size.n, size.k, true, false};
        INFO(size.m << " " << size.n << " " << size.k << " beta " << beta << " epilogue " << int(epilogue));
        CHECK(error<TestType, TestType>(s, {.alpha = 0.75, .beta = beta, .epilogue = epilogue}, true) <
              tolerance<TestType, TestType>());
        CHECK(error<TestType, TestType>(s, {.epilogue = epilogue}, epilogue != Epilogue::none) <
              tolerance<TestType, TestType>());
        CHECK(error<TestType, TestType>(s, {.beta = beta, .epilogue = epilogue}, beta == 0, true) <
              tolerance<TestType, TestType>());
      }
}

TEMPLATE_TEST_CASE("matmul runs over a batch, repeats an operand and sums over the batch", "[kernels][matmul]", float,
                   double, bf16) {
  for (Size size : kSizes) {
    int64_t a = size.m * size.k, b = size.k * size.n, c = size.m * size.n;
    INFO(size.m << " " << size.n << " " << size.k);
    CHECK(error<TestType, TestType>({size.m, size.n, size.k, false, true, 3, a, b, c}, {}, false) <
          tolerance<TestType, TestType>());
    CHECK(error<TestType, TestType>({size.m, size.n, size.k, true, false, 3, 0, b, c}, {}, true) <
          tolerance<TestType, TestType>());
    CHECK(error<TestType, TestType>({size.m, size.n, size.k, false, false, 3, a, 0, c}, {}, false) <
          tolerance<TestType, TestType>());
    CHECK(error<TestType, TestType>({size.m, size.n, size.k, true, false, 3, a, b, 0}, {}, false) <
          tolerance<TestType, TestType>());
    CHECK(error<TestType, TestType>({size.m, size.n, size.k, false, false, 3, a, b, 0}, {.beta = 1}, false) <
          tolerance<TestType, TestType>());
  }
}

TEST_CASE("matmul over nothing gives beta C + bias", "[kernels][matmul]") {
  float c[6] = {1, 2, 3, 4, 5, 6}, bias[3] = {10, 20, 30};
  matmul<float, float>(cpu(), {2, 3, 0}, nullptr, nullptr, c, {.beta = 2, .bias = bias});
  CHECK(std::vector<float>(c, c + 6) == std::vector<float>{12, 24, 36, 18, 30, 42});
  matmul<float, float>(cpu(), {2, 3, 0}, nullptr, nullptr, c);
  CHECK(std::vector<float>(c, c + 6) == std::vector<float>(6, 0));
}

TEMPLATE_TEST_CASE("blocks give the same product on every instruction set", "[kernels][matmul]", float, double) {
  using T = TestType;
  auto check = [](auto tag) {
    constexpr Isa I = decltype(tag)::value;
    if (I > isa()) return;
    for (Size size : kSizes)
      for (bool accumulate : {false, true}) {
        std::vector<T> a = as<T>(numbers<bf16>(size.m * size.k, 1)), b = as<T>(numbers<bf16>(size.n * size.k, 2));
        std::vector<T> c(size_t(size.m * (size.n + 2)), T(1));  // rows with two elements that must stay
        std::vector<T> panels(size_t(Tile<I, T>::panels(size.n) * Tile<I, T>::kCols * size.k));
        pack_panels<I>(size.k, size.n, b.data(), 1, size.k, T(2), panels.data());
        tile_gemm<I>(size.m, size.n, size.k, Left<T>{a.data(), size.k, 1},
                     packed<I>(static_cast<const T*>(panels.data()), size.k), c.data(), size.n + 2, accumulate);
        for (int64_t i = 0; i < size.m; ++i)
          for (int64_t j = 0; j < size.n + 2; ++j) {
            double sum = accumulate || j >= size.n ? 1 : 0, scale = 1;
            for (int64_t x = 0; x < size.k && j < size.n; ++x) {
              double term = 2.0 * double(a[size_t(i * size.k + x)]) * double(b[size_t(j * size.k + x)]);
              sum += term, scale += std::abs(term);
            }
            CHECK(std::abs(double(c[size_t(i * (size.n + 2) + j)]) - sum) < 1e-6 * scale);
          }
      }
  };
  check(std::integral_constant<Isa, Isa::plain>());
#if defined(__x86_64__)
  check(std::integral_constant<Isa, Isa::avx2>());
  check(std::integral_constant<Isa, Isa::avx512>());
#endif
}

TEMPLATE_TEST_CASE("the way back through bias and ReLU", "[kernels][matmul]", float, double, bf16) {
  using T = TestType;
  for (int64_t rows : {0, 1, 33, 3000})
    for (int64_t cols : {1, 37}) {
      std::vector<double> y = widened(numbers<bf16>(rows * cols, 1)), dy = widened(numbers<bf16>(rows * cols, 2)),
                          wanted(size_t(cols), 0.0);
      std::vector<T> typed_y = as<T>(y), typed_dy = as<T>(dy), dz(y.size()), unmasked(y.size());
      std::vector<accumulator_t<T>> bias(size_t(cols), 7), sums(size_t(cols), 7);
      epilogue_backward(cpu(), rows, cols, typed_y.data(), typed_dy.data(), dz.data(), bias.data());
      bool same = true;
      for (size_t i = 0; i < y.size(); ++i) {
        double z = y[i] > 0 ? dy[i] : 0;
        same = same && double(accumulator_t<T>(dz[i])) == z;
        wanted[i % size_t(cols)] += z;
      }
      CHECK(same);
      for (int64_t j = 0; j < cols; ++j)
        CHECK(double(bias[size_t(j)]) == Approx(wanted[size_t(j)]).margin(1e-4).epsilon(1e-5));
      epilogue_backward<T>(cpu(), rows, cols, nullptr, dz.data(), nullptr, sums.data());
      CHECK(sums == bias);
    }
}
