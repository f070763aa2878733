#pragma once

#include <vector>

#include <fovea/models/methods/step.h>

namespace fovea::testing {

// A method with a memory bank that takes as noise the rows of the bank that instdisc_steps.py and pirl_steps.py take,
// others each step, and not random ones.
template <class Method>
struct GivenNoise : Method {
  using Method::Method;
  int64_t step = 0;

 protected:
  Tensor noise() const override {
    std::vector<int64_t> index;
    for (int64_t i = 0; i < 11; ++i) index.push_back((i * 7 + step) % this->bank.size());
    return this->bank.at(Tensor::from<int64_t>({11}, index).to(this->bank.rows().device()));
  }
};

}  // namespace fovea::testing
