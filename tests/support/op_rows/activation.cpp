#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  using In = const Inputs&;
  auto row = [](const char* name, auto f, Fill fill = Fill::normal) {
    return OpCase{name, {{{3, 5, 7}, fill}}, [f](In in) { return f(in[0]); }};
  };
  auto wide = [](const char* name, auto f) {  // both tails: -16 to 16
    return OpCase{name, {{{643}, Fill::spread}}, [f](In in) { return f(in[0]); }};
  };
  return {
      row(
          "relu", [](const Tensor& x) { return relu(x); }, Fill::away),
      row(
          "leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.1); }, Fill::away),
      row("relu of nothing", [](const Tensor& x) { return relu(x.slice(0, 0)); }),
      wide("gelu", [](const Tensor& x) { return gelu(x); }),
      wide("gelu tanh", [](const Tensor& x) { return gelu(x, GeluForm::tanh); }),
      wide("quick_gelu", [](const Tensor& x) { return quick_gelu(x); }),
      wide("silu", [](const Tensor& x) { return silu(x); }),
      wide("tanh", [](const Tensor& x) { return tanh(x); }),
      wide("sigmoid", [](const Tensor& x) { return sigmoid(x); }),
      wide("softplus", [](const Tensor& x) { return softplus(x * 2); }),
      {"dropout",
       {{{5, 53}}},
       [](In in) {
         Generator generator(3, 17);
         return dropout(in[0], 0.3, true, generator);
       }},
  };
});

}  // namespace fovea::testing
