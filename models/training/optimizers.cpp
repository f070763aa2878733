#include <fovea/models/training/optimizers.h>

#include <fovea/core/check.h>

namespace fovea::models {

const std::vector<std::string>& optimizer_names() {
  static const std::vector<std::string> names = {"sgd", "lars", "lars-lightly", "adam", "adamw"};
  return names;
}

std::unique_ptr<nn::Optimizer> make_optimizer(const std::string& name, nn::Module& module,
                                              const nn::DecayOptions& decay) {
  auto groups = nn::decay_groups(module, decay);
  if (name == "sgd") return std::make_unique<nn::Sgd>(std::move(groups), nn::SgdOptions{.momentum = 0.9});
  if (name == "lars") return std::make_unique<nn::Lars>(std::move(groups));
  if (name == "lars-lightly")
    return std::make_unique<nn::Lars>(std::move(groups), nn::LarsOptions{.form = nn::LarsForm::lightly});
  if (name == "adam") return std::make_unique<nn::Adam>(std::move(groups));
  if (name == "adamw") return std::make_unique<nn::AdamW>(std::move(groups));
  throw Error(fmt::format("optimizer: want one of {}, got {}", fmt::join(optimizer_names(), ", "), name));
}

}  // namespace fovea::models
