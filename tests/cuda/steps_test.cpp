#include "gemm/steps.h"
#include "support/catch.h"
#include "support/matmul_case.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

template <class T>
void verify(const char* name, void (*step)(Cuda&, int, int, int, const T*, const T*, float*)) {
  INFO(name);
  MatmulCase<T, float> test{{128, 256, 96}, {}};
  OnDevice<T> a(test.a), b(test.b);
  OnDevice<float> c(test.c);
  step(cuda(0), 128, 256, 96, a.data(), b.data(), c.data());
  CHECK(test.error(c.host()) < 1e-6);
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
