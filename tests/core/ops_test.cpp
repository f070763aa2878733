#include "support/catch.h"
#include "support/op_cases.h"

using namespace fovea;
using namespace fovea::testing;

TEST_CASE("every op's gradient agrees with central differences in f64", "[core][ops][gradient]") {
  for (const OpCase& op : op_cases()) {
    INFO(op.name);
    CHECK(gradient_error(op) < op.gradient_tolerance);
  }
}

// Result and gradients of a row in one dtype.
static std::vector<Tensor> run(const OpCase& op, Dtype dtype, bool rounded) {
  Inputs inputs = make_inputs(op, dtype, rounded);
  Tensor y = op.f(inputs);
  std::vector<Tensor> out{y.detach()};
  if (!y.requires_grad()) return out;
  Tensor dy = Tensor::empty(y.shape());
  for (int64_t i = 0; i < dy.numel(); ++i)
    dy.data<float>()[i] = float(1 + i % 3) * (i % 2 ? -0.5f : 0.5f);  // exact in bf16
  y.backward(dy.to(y.dtype()));
  for (const Tensor& x : inputs)
    if (x.requires_grad()) out.push_back(x.grad());
  return out;
}

static void compare(Dtype dtype, bool rounded) {
  for (const OpCase& op : op_cases()) {
    if (dtype == Dtype::bf16 && !op.bf16) continue;
    INFO(op.name);
    std::vector<Tensor> reference = run(op, Dtype::f64, rounded), result = run(op, dtype, rounded);
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
