#include <fovea/nn/layers/activation.h>

#include <fovea/core/check.h>

namespace fovea::nn {

std::string LeakyReLU::describe() const {
  return fmt::format("LeakyReLU({})", negative_slope_);
}

std::string Dropout::describe() const {
  return fmt::format("Dropout({})", p_);
}

std::string Flatten::describe() const {
  return fmt::format("Flatten({}, {})", start_, end_);
}

}  // namespace fovea::nn
