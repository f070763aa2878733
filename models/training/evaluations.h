#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fovea/models/methods/evaluation.h>
#include <fovea/models/methods/method.h>
#include <fovea/models/training/fit.h>
#include <fovea/models/training/journal.h>

namespace fovea::models {

// The features that `backbone` makes now of the images, on options.device and in bf16 if the options say so.
Subject subject_of(const FitOptions& options, Backbone& backbone, const data::Split& split);

// Runs a list of evaluations as each of them says (Evaluation::When). The `kept` of the best epoch, by k-NN with few
// labels or without by RankMe, goes to best.safetensors. What the journal has of a step is not logged again.
class Evaluations : public Listener {
 public:
  // Everything is used as long as this lives. `tell` is given the scores of each line for metrics.jsonl.
  Evaluations(const FitOptions& options, Method& method, const data::Split& split, std::vector<Evaluation> list,
              const Journal& journal, int64_t steps_per_epoch, std::function<void(const Record&)> tell);
  void between_steps(const Position& at) override;
  // What is found after the last step. Throws Error if two evaluations have scores of one name.
  Findings finish(const Position& at) {
    return measure(at, [](const Evaluation::When& when) { return when.epochs || when.after; });
  }

 private:
  Findings measure(const Position& at, const std::function<bool(const Evaluation::When&)>& due);
  const Findings& found(size_t which, const Position& at);
  bool is_best(const std::string& name, double value) const;
  void keep_best(const Position& at, const Record& scores) const;

  const FitOptions& options_;
  Method& method_;
  const data::Split& split_;
  const std::vector<Evaluation> list_;
  const Journal& journal_;
  int64_t per_epoch_;
  std::function<void(const Record&)> tell_;
  std::optional<Subject> subject_;              // of the last step that was looked at,
  std::vector<std::optional<Findings>> found_;  // and what was found then
};

}  // namespace fovea::models
