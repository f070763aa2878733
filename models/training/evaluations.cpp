#include <fovea/models/training/evaluations.h>

#include <chrono>
#include <filesystem>

#include <fovea/models/training/folder.h>
#include <fovea/nn/io/torch_state.h>

namespace fovea::models {

Evaluations::Evaluations(const FitOptions& options, nn::Module& kept, Evaluator& evaluator, OnlineProbe* probe,
                         const Journal& journal, int64_t steps_per_epoch, std::function<void(const Record&)> tell)
    : options_(options),
      kept_(kept),
      evaluator_(evaluator),
      probe_(probe),
      journal_(journal),
      per_epoch_(steps_per_epoch),
      tell_(std::move(tell)) {}

// Whether a value is above those of all evaluations so far of a network that had been trained.
bool Evaluations::is_best(const std::string& name, double value) const {
  for (const Record& record : journal_.records())
    if (auto earlier = find(record, name); earlier && *find(record, "step") > 0 && *earlier >= value) return false;
  return true;
}

void Evaluations::between_steps(const Position& at) {
  const bool asked =
      at.step % per_epoch_ == 0 && options_.eval_every > 0 && at.step / per_epoch_ % options_.eval_every == 0;
  if ((at.step == 0 || at.step == at.steps || asked) && !journal_.at(at.step, "knn_top1")) evaluate(at);
}

void Evaluations::evaluate(const Position& at) {
  const auto start = std::chrono::steady_clock::now();
  evaluator_.extract();
  Record record{{"step", double(at.step)}, {"epoch", at.epoch}, {"knn_top1", evaluator_.knn()}};
  if (at.step == 0) record.emplace_back("linear_top1", evaluator_.linear().last);
  if (probe_ && at.step > 0) record.emplace_back("online_probe_top1", evaluator_.accuracy(*probe_));
  record.emplace_back("rank_me", evaluator_.rank_me());
  const char* criterion = "rank_me";
  if (auto few = options_.few_labels > 0 ? evaluator_.few_labels(options_.few_labels) : std::nullopt)
    record.emplace_back(criterion = "few_labels_top1", *few);
  if (at.step > 0 && is_best(criterion, *find(record, criterion)))
    nn::save_weights(std::filesystem::path(options_.out) / kBestFile, kept_,
                     {{"method", options_.method}, {"step", std::to_string(at.step)}});
  record.emplace_back("evaluation_seconds",
                      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  tell_(record);
}

}  // namespace fovea::models
