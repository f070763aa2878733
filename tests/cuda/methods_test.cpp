#include "support/catch.h"
#include "support/method_rows.h"

using namespace fovea;
using namespace fovea::testing;

// Every third method from `first` on: three tests, which run beside each other where an emulator makes them long.
static void two_steps(size_t first) {
  const std::vector<MethodRow>& rows = method_rows();
  for (size_t r = first; r < rows.size(); r += 3) {
    DYNAMIC_SECTION(rows[r].name) {
      MethodRun cpu(rows[r]), cuda(rows[r], Device::cuda());
      for (int i = 0; i < 2; ++i) {
        INFO("step " << i);
        CHECK(cuda.step() == Approx(cpu.step()).margin(1e-4));
      }
    }
  }
}

TEST_CASE("two steps of every method have the CPU's losses on the device, a first third", "[cuda][methods]") {
  two_steps(0);
}
TEST_CASE("two steps of every method have the CPU's losses on the device, a second third", "[cuda][methods]") {
  two_steps(1);
}
TEST_CASE("two steps of every method have the CPU's losses on the device, the last third", "[cuda][methods]") {
  two_steps(2);
}
