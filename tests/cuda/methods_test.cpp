#include "support/catch.h"
#include "support/method_rows.h"

using namespace fovea;
using namespace fovea::testing;

TEST_CASE("two steps of every method have the CPU's losses on the device", "[cuda][methods]") {
  for (const MethodRow& row : method_rows()) {
    DYNAMIC_SECTION(row.name) {
      MethodRun cpu(row), cuda(row, Device::cuda());
      for (int i = 0; i < 2; ++i) {
        INFO("step " << i);
        CHECK(cuda.step() == Approx(cpu.step()).margin(1e-4));
      }
    }
  }
}
