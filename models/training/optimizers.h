#pragma once

#include <memory>
#include <string>
#include <vector>

#include <fovea/nn/train/optim.h>

namespace fovea::models {

// sgd (momentum 0.9), lars, lars-lightly, adam, adamw.
const std::vector<std::string>& optimizer_names();
// An optimiser by its name, for the module's trainable parameters. Throws Error for another name.
std::unique_ptr<nn::Optimizer> make_optimizer(const std::string& name, nn::Module& module,
                                              const nn::DecayOptions& decay);

}  // namespace fovea::models
