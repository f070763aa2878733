#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <fovea/models/training/listener.h>

namespace fovea::models {

// What a network that collapses shows.
struct Symptom {
  const char* kind;  // the same for lines that show the same one
  std::string text;
};

// The symptom that a line shows by itself, if any. What it reads, where the line has it:
//   std, dimensions            spread of the normalised embeddings: 1 / sqrt(dimensions) when they go all ways
//   negative_similarity        mean cosine of views of different images
//   effective_rank             directions that the embeddings use
//   assignment_entropy, sample_entropy, prototypes   of the mean assignment to prototypes, and of one sample's
//   loss, chance_loss          the latter that of a network that tells nothing apart, as log K
std::optional<Symptom> collapse_symptom(const Record& line);

// Reads the monitors in the lines of a run's log and says when they mean collapse.
class CollapseAlarm : public Listener {
 public:
  // `say` is given the warning, in a run that it hears of.
  explicit CollapseAlarm(std::function<void(const std::string&)> say = {}) : say_(std::move(say)) {}
  // A sentence in plain words with the likely cause, the first time that two lines in a row show the same symptom. The
  // first lines of a run, up to step 20, say nothing: an untrained network may well look collapsed. Lines without a
  // loss (evaluations) are passed over.
  std::optional<std::string> observe(const Record& line);
  void on_step(const StepDone& done) override;

 private:
  std::function<void(const std::string&)> say_;
  std::string last_;  // kind of the line before
  bool warned_ = false;
};

}  // namespace fovea::models
