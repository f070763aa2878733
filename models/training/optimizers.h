#pragma once

#include <memory>
#include <string>
#include <vector>

#include <fovea/core/choices.h>
#include <fovea/nn/train/optim.h>

namespace fovea::models {

// The optimisers by name, each with what makes it.
const Choices<std::unique_ptr<nn::Optimizer> (*)(std::vector<nn::ParamGroup> groups)>& optimizers();
// One of these, "sgd", for the module's trainable parameters. Throws Error for an unknown name.
std::unique_ptr<nn::Optimizer> make_optimizer(const std::string& name, nn::Module& module,
                                              const nn::DecayOptions& decay);

}  // namespace fovea::models
