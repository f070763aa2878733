#include <fovea/models/training/evaluations.h>

#include <chrono>
#include <filesystem>

#include <fovea/core/autocast.h>
#include <fovea/core/check.h>
#include <fovea/models/training/folder.h>
#include <fovea/nn/io/torch_state.h>

namespace fovea::models {

static constexpr const char* kSeconds = "evaluation_seconds";  // which every line of an evaluation has, and no other

Subject subject_of(const FitOptions& options, Backbone& backbone, const data::Split& split) {
  EvalMode eval(backbone);
  Autocast autocast(options.bf16);
  const data::Views views = data::test_views(split.train->image_size());
  auto features = [&](const data::DatasetPtr& images) {
    return extract([&](const Tensor& x) { return backbone(x); }, images, views,
                   {.workers = options.workers, .device = options.device});
  };
  return {.split = split, .bank = features(split.train), .queries = features(split.test), .device = options.device};
}

Evaluations::Evaluations(const FitOptions& options, Method& method, const data::Split& split,
                         std::vector<Evaluation> list, const Journal& journal, int64_t steps_per_epoch,
                         std::function<void(const Record&)> tell)
    : options_(options),
      method_(method),
      split_(split),
      list_(std::move(list)),
      journal_(journal),
      per_epoch_(steps_per_epoch),
      tell_(std::move(tell)) {}

void Evaluations::between_steps(const Position& at) {
  const bool asked =
      at.step % per_epoch_ == 0 && options_.eval_every > 0 && at.step / per_epoch_ % options_.eval_every == 0;
  if (!(at.step == 0 || at.step == at.steps || asked) || journal_.at(at.step, kSeconds)) return;
  const auto start = std::chrono::steady_clock::now();
  const Record scores =
      measure(at, [&](const Evaluation::When& when) { return at.step == 0 ? when.before : when.epochs; }).scores;
  if (scores.empty()) return;
  keep_best(at, scores);
  Record line{{"step", double(at.step)}, {"epoch", at.epoch}};
  line.insert(line.end(), scores.begin(), scores.end());
  line.emplace_back(kSeconds, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  tell_(line);
}

Findings Evaluations::measure(const Position& at, const std::function<bool(const Evaluation::When&)>& due) {
  Findings out;
  for (size_t i = 0; i < list_.size(); ++i) {
    if (!due(list_[i].when)) continue;
    const Findings& findings = found(i, at);
    for (const auto& [name, value] : findings.scores) {
      check(!find(out.scores, name), "evaluation {}: want scores by names of its own, got {}, which another has",
            list_[i].name, name);
      out.scores.emplace_back(name, value);
    }
    out.figures.insert(out.figures.end(), findings.figures.begin(), findings.figures.end());
  }
  return out;
}

const Findings& Evaluations::found(size_t which, const Position& at) {
  if (!subject_ || subject_->at.step != at.step) {
    auto* backbone = dynamic_cast<Backbone*>(method_.kept());
    subject_ = backbone ? subject_of(options_, *backbone, split_) : Subject{.split = split_, .device = options_.device};
    subject_->at = at;
    found_.assign(list_.size(), {});
  }
  if (!found_[which]) {
    EvalMode eval(method_);
    Generator generator(uint64_t(options_.seed));
    const UseGenerator use(generator);
    found_[which] = list_[which].run(*subject_);
  }
  return *found_[which];
}

// Whether a value is above those of all evaluations so far of a network that had been trained.
bool Evaluations::is_best(const std::string& name, double value) const {
  for (const Record& record : journal_.records())
    if (auto earlier = find(record, name); earlier && *find(record, "step") > 0 && *earlier >= value) return false;
  return true;
}

void Evaluations::keep_best(const Position& at, const Record& scores) const {
  nn::Module* kept = method_.kept();
  if (at.step == 0 || !kept) return;
  for (const char* criterion : {"few_labels_top1", "rank_me"})
    if (const auto value = find(scores, criterion)) {
      if (is_best(criterion, *value))
        nn::save_weights(std::filesystem::path(options_.out) / kBestFile, *kept,
                         {{"method", options_.method}, {"step", std::to_string(at.step)}});
      return;
    }
}

}  // namespace fovea::models
