#pragma once

#include <functional>

#include <fovea/models/training/evaluator.h>
#include <fovea/models/training/journal.h>

namespace fovea::models {

// What is measured before the training, every FitOptions::eval_every epochs and after it: k-NN, RankMe, k-NN with few
// labels, the online probe. The best epoch's `kept` goes to best.safetensors. What the journal has of a step is not
// measured again.
class Evaluations : public Listener {
 public:
  // Everything is used as long as this lives. `probe` may be null; `tell` is given each evaluation's numbers.
  Evaluations(const FitOptions& options, nn::Module& kept, Evaluator& evaluator, OnlineProbe* probe,
              const Journal& journal, int64_t steps_per_epoch, std::function<void(const Record&)> tell);
  void between_steps(const Position& at) override;

 private:
  bool is_best(const std::string& name, double value) const;
  void evaluate(const Position& at);

  const FitOptions& options_;
  nn::Module& kept_;
  Evaluator& evaluator_;
  OnlineProbe* probe_;
  const Journal& journal_;
  int64_t per_epoch_;
  std::function<void(const Record&)> tell_;
};

}  // namespace fovea::models
