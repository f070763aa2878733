#include "gemm/steps.h"
#include "support/catch.h"
#include "support/device_copies.h"
#include "support/matmul_case.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

template <class T>
void verify(const char* name, void (*step)(Cuda&, int, int, int, const T*, const T*, float*)) {
  INFO(name);
  MatmulCase<T, float> test{{128, 256, 96}, {}};
  DeviceCopies device;
  const T *a = device.copy(test.a), *b = device.copy(test.b);
  float* c = device.copy(test.c);
  step(device.ctx, 128, 256, 96, a, b, c);
  std::vector<float> result = test.c;
  device.read(c, result);
  CHECK(test.error(result) < 1e-6);
}

}  // namespace

TEST_CASE("every step towards a fast matrix product gives the product", "[cuda][steps]") {
  verify<float>("naive", steps::gemm_naive);
  verify<float>("coalesced", steps::gemm_coalesced);
  verify<float>("shared", steps::gemm_shared);
  verify<float>("registers", steps::gemm_registers);
  verify<float>("vectorised", steps::gemm_vectorised);
  verify<bf16>("mma", steps::gemm_mma);
}
