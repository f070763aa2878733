#include <fovea/core/ops.h>
#include <fovea/core/safetensors.h>

#include <functional>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;

TEST_CASE("values and gradients are PyTorch's, kinks, ties and empty rows included", "[core][ops][torch]") {
  auto file = load_safetensors(FOVEA_FIXTURES "/ops.safetensors").tensors;
  const std::map<std::string, std::function<Tensor(const Tensor&)>> cases = {
      {"abs", [](const Tensor& x) { return abs(x); }},
      {"relu", [](const Tensor& x) { return relu(x); }},
      {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.2); }},
      {"clamp", [](const Tensor& x) { return clamp(x, -1, 1); }},
      {"maximum", [](const Tensor& x) { return maximum(x, Tensor::zeros({7}, x.dtype())); }},
      {"minimum",
       [](const Tensor& x) {
         return minimum(x, Tensor::ones({3, 1}, x.dtype()));
       }},
      {"pow", [](const Tensor& x) { return pow(x, 3); }},
      {"gelu", [](const Tensor& x) { return gelu(x); }},
      {"gelu_tanh", [](const Tensor& x) { return gelu(x, GeluForm::tanh); }},
      {"quick_gelu", [](const Tensor& x) { return quick_gelu(x); }},
      {"silu", [](const Tensor& x) { return silu(x); }},
      {"softplus", [](const Tensor& x) { return softplus(x * 20); }},
      {"sigmoid", [](const Tensor& x) { return sigmoid(x); }},
      {"tanh", [](const Tensor& x) { return tanh(x); }},
      {"sum",
       [](const Tensor& x) {
         return sum(x, {0, 2});
       }},
      {"max", [](const Tensor& x) { return max(x, {1}); }},
      {"min",
       [](const Tensor& x) {
         return min(x, {0, 1}, true);
       }},
      {"max_all", [](const Tensor& x) { return max(x); }},
      {"var",
       [](const Tensor& x) {
         return var(x, {0, 2});
       }},
      {"std", [](const Tensor& x) { return fovea::std(x, {2}, 1, true); }},
      {"logsumexp",
       [](const Tensor& x) {
         return logsumexp(x, {0, 2});
       }},
      {"normalize", [](const Tensor& x) { return normalize(x, 1); }},
      {"normalize_rows", [](const Tensor& x) { return normalize(x); }},
      {"cosine_similarity", [](const Tensor& x) { return cosine_similarity(x, flip(x, {2}).detach() + 0.5); }},
      {"pad_reflect",
       [](const Tensor& x) {
         return pad(x, {{}, {2, 0}, {3, 1}}, PadMode::reflect);
       }},
      {"pad_replicate",
       [](const Tensor& x) {
         return pad(x, {{}, {2, 0}, {3, 1}}, PadMode::replicate);
       }},
      {"pad_constant",
       [](const Tensor& x) {
         return pad(x, {{0, 1}, {2, 0}, {3, 1}}, PadMode::constant, 2);
       }},
      {"repeat",
       [](const Tensor& x) {
         return repeat(x, {2, 1, 3, 1});
       }},
      {"permute",
       [](const Tensor& x) {
         return permute(x, {2, 0, 1});
       }},
      {"flip",
       [](const Tensor& x) {
         return flip(x, {0, 2});
       }},
  };
  CHECK(file.size() == 1 + 3 * cases.size());
  for (const auto& [name, f] : cases) {
    INFO(name);
    Tensor x = file.at("x").clone().set_requires_grad(), y = f(x);
    CHECK(testing::relative_error(y.detach(), file.at(name + ".y")) < 2e-6);
    y.backward(file.at(name + ".dy"));
    CHECK(testing::relative_error(x.grad(), file.at(name + ".dx")) < 2e-6);
  }
}
