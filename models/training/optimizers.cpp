#include <fovea/models/training/optimizers.h>

namespace fovea::models {

const Choices<std::unique_ptr<nn::Optimizer> (*)(std::vector<nn::ParamGroup> groups)>& optimizers() {
  using Groups = std::vector<nn::ParamGroup>;
  using Made = std::unique_ptr<nn::Optimizer>;
  static const Choices<Made (*)(Groups)> all = {
      {"sgd", "stochastic gradient descent with momentum 0.9",
       [](Groups groups) -> Made {
         return std::make_unique<nn::Sgd>(std::move(groups), nn::SgdOptions{.momentum = 0.9});
       }},
      {"lars", "LARS (You et al., 2017): SGD with momentum 0.9, each tensor's step scaled by a trust ratio",
       [](Groups groups) -> Made { return std::make_unique<nn::Lars>(std::move(groups)); }},
      {"lars-lightly", "LARS with the trust ratio as lightly computes it",
       [](Groups groups) -> Made {
         return std::make_unique<nn::Lars>(std::move(groups), nn::LarsOptions{.form = nn::LarsForm::lightly});
       }},
      {"adam", "Adam (Kingma & Ba, 2015), weight decay added to the gradient",
       [](Groups groups) -> Made { return std::make_unique<nn::Adam>(std::move(groups)); }},
      {"adamw", "AdamW (Loshchilov & Hutter, 2019), weight decay applied to the weights themselves",
       [](Groups groups) -> Made { return std::make_unique<nn::AdamW>(std::move(groups)); }}};
  return all;
}

std::unique_ptr<nn::Optimizer> make_optimizer(const std::string& name, nn::Module& module,
                                              const nn::DecayOptions& decay) {
  return optimizers().at(name, "optimizer")(nn::decay_groups(module, decay));
}

}  // namespace fovea::models
