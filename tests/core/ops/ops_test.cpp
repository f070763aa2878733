#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using namespace fovea::testing;

TEST_CASE("every op's gradient agrees with central differences in f64", "[core][ops][gradient]") {
  for (const OpCase& op : op_cases()) {
    INFO(op.name);
    CHECK(gradient_error(op) < op.gradient_tolerance);
  }
}

static void compare(Dtype dtype, bool rounded) {
  for (const OpCase& op : op_cases()) {
    if (dtype == Dtype::bf16 && !op.bf16) continue;
    INFO(op.name);
    std::vector<Tensor> reference = result_and_gradients(op, Dtype::f64, Device::cpu(), rounded),
                        result = result_and_gradients(op, dtype, Device::cpu(), rounded);
    REQUIRE(result.size() == reference.size());
    for (size_t i = 0; i < result.size(); ++i) {
      INFO((i ? "gradient " + std::to_string(i - 1) : "result"));
      CHECK(relative_error(result[i], reference[i]) <= (dtype == Dtype::bf16 ? op.bf16_tolerance : op.f32_tolerance));
    }
  }
}

TEST_CASE("every op in f32 agrees with f64, forward and backward", "[core][ops]") {
  compare(Dtype::f32, false);
}
TEST_CASE("every op in bf16 agrees with f64 on the same inputs", "[core][ops]") {
  compare(Dtype::bf16, true);
}
