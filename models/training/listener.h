#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fovea/models/methods/step.h>

namespace fovea::models {

// One line of metrics.jsonl: numbers by name, in order. Values that are not finite are written as null.
using Record = std::vector<std::pair<std::string, double>>;

// The value of `name` in a record, if it is there.
std::optional<double> find(const Record& record, const std::string& name);

// A step that was just done.
struct StepDone {
  Position at;      // with this step among those done
  double loss = 0;  // of the last step whose loss was read: each on the CPU, those that are logged on a device
  double images_per_second = 0, seconds_left = 0;
  const Record* line = nullptr;  // what is logged of the step; null for most steps
};

// Hears of a run as it goes: the log, the alarm, the progress line, the checkpoints, or an object of your own
// (FitOptions::listeners).
class Listener {
 public:
  virtual ~Listener() = default;
  // Before the first step and after each: what is measured or saved here sees whole steps.
  virtual void between_steps(const Position&) {}
  virtual void on_step(const StepDone&) {}
  // The numbers of an evaluation, "step" and "epoch" first.
  virtual void on_evaluation(const Record&) {}
};

}  // namespace fovea::models
