#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fovea/models/methods/method.h>
#include <fovea/models/training/trainer.h>

#include "support/fixture.h"

// The method table: one row serves ten steps beside PyTorch, resuming to the bit, the teacher's lack of gradients, and
// two steps on a device beside the CPU, all of the type that the method's program trains.
namespace fovea::testing {

struct MethodRow {
  std::string name;  // tests/fixtures/<name>_steps.safetensors, made by <name>_steps.py
  std::function<std::unique_ptr<models::Method>()> make;  // a tiny instance
  double lr = 0.005;
  double tolerance = 1e-4;  // relative, of each of the ten losses
  // What the fixture does otherwise than a run: called before each step.
  std::function<void(models::Method& method, int64_t step)> before = {};
};

// A row adds itself: `static const AddMethodRow row({"byol", ...});` in method_rows/byol.cpp.
struct AddMethodRow {
  explicit AddMethodRow(MethodRow row);
};
// Every row, by name.
const std::vector<MethodRow>& method_rows();

// method_steps.py's backbone(): a ResNet with one block a stage, width 2 and the CIFAR stem; 16 features.
models::Backbone tiny_backbone();

// A method in training as in method_steps.py, by the Trainer of every run: SGD with momentum 0.9 and weight decay 5e-4 on
// weights, the fixture's two batches in turn.
class MethodRun {
 public:
  // Starts from the fixture's state.
  explicit MethodRun(const MethodRow& row, Device device = Device::cpu());
  // Trains a step and returns its loss.
  double step();

  nn::Optimizer& optimizer() { return *trainer_.optimizers().at(""); }

  std::unique_ptr<models::Method> method;
  int64_t steps = 0;
  models::Ranks* ranks = nullptr;  // of the steps to come

 private:
  const MethodRow& row_;
  Fixture torch_;
  models::FitOptions options_;
  models::Trainer trainer_;
};

}  // namespace fovea::testing
