#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fovea/data/image/loader.h>
#include <fovea/models/backbones/backbone.h>
#include <fovea/nn/module.h>
#include <fovea/nn/train/optim.h>

#include "support/fixture.h"

// The method table: one row serves ten steps beside PyTorch, resuming to the bit, the teacher's lack of gradients, and
// two steps on a device beside the CPU.
namespace fovea::testing {

// A tiny instance of a method, and what its example does in a step.
struct Method {
  std::shared_ptr<nn::Module> model;
  std::function<Tensor(const data::Batch& batch, int64_t step)> loss;
  // A part of the model that follows the parameters whose names are `student` and its own.
  nn::Module* teacher = nullptr;
  std::string student = "";
  double momentum = 0.9;
};

struct MethodCase {
  std::string name;  // tests/fixtures/<name>_steps.safetensors, made by <name>_steps.py
  std::function<Method()> make;
  double lr = 0.005;
  double tolerance = 1e-4;  // relative, of each of the ten losses
};

// Every row. Each family lives in method_cases_<family>.cpp and is listed in method_cases.cpp.
const std::vector<MethodCase>& method_cases();

// method_steps.py's backbone(): a ResNet with one block a stage, width 2 and the CIFAR stem; 16 features.
models::Backbone tiny_backbone();

// A method in training as in method_steps.py: SGD with momentum 0.9 and weight decay 5e-4 on weights, the fixture's two
// batches in turn.
class MethodRun {
 public:
  // Starts from the fixture's state.
  explicit MethodRun(const MethodCase& method, Device device = Device::cpu());
  // Trains a step and returns its loss.
  double step();

  Method method;
  nn::Sgd optimizer;
  int64_t steps = 0;

 private:
  Fixture torch_;
  Device device_;
};

}  // namespace fovea::testing
