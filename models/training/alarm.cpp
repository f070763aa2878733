#include <fovea/models/training/alarm.h>

#include <cmath>

#include <fmt/format.h>

namespace fovea::models {

std::optional<Symptom> collapse_symptom(const Record& line) {
  auto value = [&](const std::string& name) { return find(line, name); };
  const auto spread = value("std"), dimensions = value("dimensions");
  if (spread && dimensions) {
    const double healthy = 1 / std::sqrt(*dimensions);
    if (*spread < 0.1 * healthy)
      return Symptom{
          "spread",
          fmt::format(
              "all images get nearly the same embedding (their spread is {:.4f}, {:.4f} would be healthy). Likely "
              "causes: without negatives, a gradient that flows through the target branch, a missing predictor or a "
              "teacher that follows too fast; with negatives, a learning rate that is far too high",
              *spread, healthy)};
  }
  if (auto negative = value("negative_similarity"); negative && *negative > 0.98)
    return Symptom{"negatives",
                   fmt::format("views of different images have a cosine of {:.3f}. Likely causes: a gradient through "
                               "the target branch, or a weight of the term that pushes images apart that is too low",
                               *negative)};
  if (auto rank = value("effective_rank"); rank && dimensions && *dimensions >= 16 && *rank < 2)
    return Symptom{
        "rank", fmt::format("the embeddings lie along one direction (effective rank {:.2f} of {:.0f}). Likely causes: "
                            "without negatives, a gradient that flows through the target branch; else a variance or "
                            "covariance term with too little weight, or a learning rate that is too high",
                            *rank, *dimensions)};
  if (auto prototypes = value("prototypes"); prototypes && *prototypes > 1) {
    const double uniform = std::log(*prototypes);
    if (auto mean = value("assignment_entropy"); mean && *mean < 0.1 * uniform)
      return Symptom{
          "one prototype",
          fmt::format(
              "nearly all images are assigned to the same prototype (entropy {:.3f} of at most {:.3f}). Likely causes: "
              "no centring or balancing of the assignments, or prototypes that learn too fast at the start",
              *mean, uniform)};
    if (auto sample = value("sample_entropy"); sample && *sample > 0.99 * uniform)
      return Symptom{
          "all prototypes",
          fmt::format("every image is assigned to all prototypes alike (entropy {:.3f} of at most {:.3f}). Likely "
                      "causes: a temperature of the targets that is too high, or too low a learning rate",
                      *sample, uniform)};
  }
  auto loss = value("loss"), chance = value("chance_loss");
  if (loss && chance && std::abs(*loss - *chance) < 2e-3 * std::abs(*chance))
    return Symptom{"chance",
                   fmt::format("the loss stands at {:.4f}, that of a network that tells nothing apart. Likely causes: "
                               "a learning rate that is too low or far too high, or a temperature that is too high",
                               *loss)};
  return {};
}

std::optional<std::string> CollapseAlarm::observe(const Record& line) {
  const auto step = find(line, "step");
  if (warned_ || !step || *step <= 20 || !find(line, "loss")) return {};
  const auto symptom = collapse_symptom(line);
  const bool again = symptom && symptom->kind == last_;
  last_ = symptom ? symptom->kind : "";
  if (!again) return {};
  warned_ = true;
  return fmt::format("warning: collapse at step {:.0f}: {}", *step, symptom->text);
}

void CollapseAlarm::on_step(const StepDone& done) {
  if (!done.line) return;
  if (auto warning = observe(*done.line); warning && say_) say_(*warning);
}

}  // namespace fovea::models
