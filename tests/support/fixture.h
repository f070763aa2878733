#pragma once

#include <map>
#include <string>

#include <fovea/core/safetensors.h>

#include "support/files.h"
#include "support/op_rows.h"

namespace fovea::testing {

// The tensors of one of tests/fixtures' files.
class Fixture {
 public:
  explicit Fixture(const std::string& name) : tensors_(load_safetensors(fixture(name + ".safetensors")).tensors) {}
  const Tensor& operator[](const std::string& name) const { return tensors_.at(name); }
  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  // Those whose names start with "<prefix>.", without it.
  std::map<std::string, Tensor> part(const std::string& prefix) const {
    std::map<std::string, Tensor> out;
    for (const auto& [name, t] : tensors_)
      if (name.starts_with(prefix + ".")) out.emplace(name.substr(prefix.size() + 1), t);
    return out;
  }

 private:
  std::map<std::string, Tensor> tensors_;
};

}  // namespace fovea::testing
