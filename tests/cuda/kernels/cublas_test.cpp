#include <fovea/kernels/precision.h>
#include <fovea/kernels/vendor/cublas.h>

#include "support/catch.h"
#include "support/matmul_case.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

template <class T, class Out>
void compare(MatmulSizes s, MatmulOutput<T> output, double tolerance) {
  MatmulCase<T, Out> test{s, output};
  OnDevice<T> a(test.a), b(test.b);
  OnDevice<Out> c(test.c);
  vendor::matmul(cuda(0), s, static_cast<const T*>(a.data()), static_cast<const T*>(b.data()), c.data(), output);
  CHECK(test.error(c.host()) < tolerance);
}

}  // namespace

TEST_CASE("cuBLAS behind matmul's signature agrees with the formula, or says why it is not there",
          "[cuda][matmul][vendor]") {
  if (!vendor::cublas_missing().empty()) {
    WARN(vendor::cublas_missing());
    CHECK_THROWS_WITH((vendor::matmul<float, float>(cuda(0), {1, 1, 1}, nullptr, nullptr, nullptr)),
                      vendor::cublas_missing());
    return;
  }
  const int64_t m = 24, n = 40, k = 16;
  for (int flags = 0; flags < 4; ++flags) {
    const bool ta = flags & 1, tb = flags & 2;
    compare<float, float>({m, n, k, ta, tb}, {.alpha = 0.5, .beta = 2}, 1e-6);
    compare<bf16, bf16>({m, n, k, ta, tb}, {}, 5e-3);
    compare<bf16, float>({m, n, k, ta, tb, 3, m * k, 0, m * n}, {}, 1e-6);
    compare<float, float>({m, n, k, ta, tb, 3, m * k, k * n, 0}, {.beta = 1}, 1e-6);
  }
  set_float32_precision(Float32Precision::tf32);
  compare<float, float>({m, n, k, false, true}, {}, 1e-6);
  set_float32_precision(Float32Precision::highest);
  CHECK_THROWS_WITH((compare<float, float>({m, n, k}, {.epilogue = Epilogue::relu}, 1)),
                    Catch::Contains("want a product without bias"));
}
