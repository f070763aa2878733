#include <fovea/models/training/finite.h>

#include <cmath>

#include <fovea/core/check.h>
#include <fovea/core/ops.h>

namespace fovea::models {

static bool all_finite(const Tensor& t) {
  if (!is_float(t.dtype()) || t.numel() == 0) return true;
  NoGrad no_grad;
  Tensor x = t.to(Dtype::f32);
  return std::isfinite(max(x).item()) && std::isfinite(min(x).item()) && std::isfinite(sum(x * 0.0).item());
}

std::string first_not_finite(const data::Batch* batch, nn::Module& module) {
  if (batch)
    for (const data::Batch::Field& field : batch->fields())
      if (!all_finite(field.value)) return "the batch's " + field.name;
  for (const nn::NamedTensor& entry : module.state())
    if (!all_finite(entry.value))
      return fmt::format("{} {}", entry.is_param ? "the parameter" : "the buffer", entry.name);
  for (const nn::NamedTensor& entry : module.named_parameters())
    if (Tensor grad = entry.value.grad(); grad.defined() && !all_finite(grad)) return "the gradient of " + entry.name;
  return "";
}

void throw_not_finite(const std::string& what, int64_t step, const std::string& tensor,
                      const std::filesystem::path& checkpoint) {
  throw Error(fmt::format("{} at step {}; the first tensor with such a value is {}; {}", what, step,
                          tensor.empty() ? "the loss itself" : tensor,
                          std::filesystem::exists(checkpoint)
                              ? fmt::format("the last good checkpoint is in {}", checkpoint.string())
                              : "there was no checkpoint yet"));
}

}  // namespace fovea::models
