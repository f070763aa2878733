#include <cmath>
#include <utility>

#include <fovea/core/autograd.h>

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

TEST_CASE("results are judged by the size of what was wanted", "[core][ops]") {
  const Tensor wanted = Tensor::from<double>({4}, {1e-3, -2e-4, 0, 5e-5}), zeros = Tensor::zeros({4}, Dtype::f64);
  CHECK(relative_error(wanted, wanted) == 0);
  CHECK(relative_error(zeros, wanted) == 1);
  CHECK(relative_error(0.9 * wanted, wanted) == Approx(0.1));
  CHECK(relative_error(Tensor::full({4}, 1e-13, Dtype::f64), zeros) < 1e-6);  // f64's rounding of a zero
  CHECK(relative_error(wanted, zeros) > 100);
  CHECK(relative_error(Tensor::full({4}, 1e-7, Dtype::f64), zeros, 0.1) < 1e-5);  // f32's, where terms of size 1 cancel
  CHECK(std::isinf(relative_error(wanted, Tensor::zeros({2, 2}, Dtype::f64))));
  CHECK(std::isinf(relative_error(wanted / 0, wanted)));
}

// x^2 size + offset, and `share` of its gradient.
static OpCase with_share_of_gradient(double share, double size, double offset) {
  return {"square, in part", {{{7}}}, [share, size, offset](const Inputs& in) {
            const Tensor& x = in[0];
            return record("square", (x * x * size + offset).detach(), {x},
                          [x, share, size](const Node&, const Tensor& dy) -> Grads {
                            return {dy * x.detach() * (2 * size * share)};
                          });
          }};
}

TEST_CASE("gradients are judged by their own size", "[core][ops][gradient]") {
  // Under an offset of 1000 the differences are known to 1e-8, a thousandth of the gradient, and no better.
  for (auto [size, offset] : {std::pair(1e-4, 0.0), {1e-5, 1000.0}, {1e6, 0.0}}) {
    INFO(size << ", " << offset);
    CHECK(gradient_error(with_share_of_gradient(1, size, offset)) < 1e-6);
    CHECK(gradient_error(with_share_of_gradient(0.9, size, offset)) == Approx(0.1).margin(0.02));
    CHECK(gradient_error(with_share_of_gradient(0, size, offset)) == Approx(1).margin(0.02));
  }
  CHECK(gradient_error(with_share_of_gradient(1, 0, 1)) == 0);  // a true zero
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
      CHECK(relative_error(result[i], reference[i], op.zero) <=
            (dtype == Dtype::bf16 ? op.bf16_tolerance : op.f32_tolerance));
    }
  }
}

TEST_CASE("every op in f32 agrees with f64, forward and backward", "[core][ops]") {
  compare(Dtype::f32, false);
}
TEST_CASE("every op in bf16 agrees with f64 on the same inputs", "[core][ops]") {
  compare(Dtype::bf16, true);
}
