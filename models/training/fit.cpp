#include <fovea/models/training/fit.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

#include <fovea/config.h>
#include <fovea/core/check.h>
#include <fovea/data/image/uploader.h>
#include <fovea/models/training/alarm.h>
#include <fovea/models/training/checkpointer.h>
#include <fovea/models/training/evaluations.h>
#include <fovea/models/training/folder.h>
#include <fovea/models/training/journal.h>
#include <fovea/models/training/progress.h>
#include <fovea/models/training/report/report.h>
#include <fovea/models/training/standard_evaluations.h>
#include <fovea/models/training/stop_signals.h>
#include <fovea/models/training/trainer.h>
#include <fovea/nn/io/torch_state.h>
#include <fovea/nn/train/schedule.h>

namespace fovea::models {

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

data::Loader training_loader(const FitOptions& options, const Images& images) {
  check(images.split.train->size() >= options.batch, "fit: want a batch of at most the {} training images, got {}",
        images.split.train->size(), options.batch);
  return {images.split.train, images.views,
          data::for_device({.batch_size = options.batch, .seed = uint64_t(options.seed), .workers = options.workers},
                           options.device)};
}

// Time of the steps since the last log line, without evaluation and checkpoints.
struct Interval {
  int64_t steps = 0;
  double seconds = 0, waiting = 0;
};

// A run from its folder to its last step.
class Run {
 public:
  Run(Method& method, data::Loader& loader, const data::Split& split, Generator& generator, const FitOptions& options)
      : options_(options),
        method_(method),
        loader_(loader),
        per_epoch_(loader.steps()),
        steps_(options.steps > 0 ? options.steps : options.epochs * loader.steps()),
        progress_(int((steps_ + per_epoch_ - 1) / per_epoch_)),
        probe_(make_probe(split)),
        trainer_(method, options, std::filesystem::path(options.out) / kCheckpointFile),
        checkpointer_(options, method, probe_.get(), trainer_.optimizers(), generator, per_epoch_),
        alarm_([this](const std::string& warning) { progress_.line(warning); }) {
    start();
    evaluations_.emplace(options, method, split, evaluations(), *journal_, per_epoch_, [this](const Record& record) {
      for (Listener* listener : listeners_) listener->on_evaluation(record);
    });
    listeners_ = {&checkpointer_, &*evaluations_};  // the checkpointer first: it refuses numbers that are not finite
    listeners_.insert(listeners_.end(), {&*journal_, &alarm_, &progress_});
    listeners_.insert(listeners_.end(), options.listeners.begin(), options.listeners.end());
  }

  // Trains, saves what the method keeps, and measures it.
  Findings operator()() {
    train();
    if (nn::Module* kept = method_.kept())
      nn::save_weights(std::filesystem::path(options_.out) / kBackboneFile, *kept,
                       {{"method", options_.method}, {"data", options_.data}, {"version", kVersion}});
    return evaluations_->finish(position(steps_));
  }

 private:
  std::unique_ptr<OnlineProbe> make_probe(const data::Split& split) const {
    if (!options_.online_probe) return {};
    auto* backbone = dynamic_cast<Backbone*>(method_.kept());
    check(backbone, "{}: keeps no backbone for an online probe", method_.describe());
    auto probe = std::make_unique<OnlineProbe>(
        OnlineProbeOptions{.features = backbone->features(), .classes = int64_t(split.train->classes().size())});
    probe->to(options_.device);
    return probe;
  }

  std::vector<Evaluation> evaluations() const {
    std::vector<Evaluation> out;
    if (dynamic_cast<Backbone*>(method_.kept())) out = standard_evaluations(options_, probe_.get());
    for (Evaluation& own : method_.evaluations()) out.push_back(std::move(own));
    return out;
  }

  void train() {
    data::Uploader batches(loader_, options_.device);
    const StopSignals signals;
    for (;; ++step_) {
      const Position at = position(step_);
      if (signals.stopped() && step_ < steps_) stop(at);
      for (Listener* listener : listeners_) listener->between_steps(at);
      if (step_ == steps_) break;
      take_step(batches, at);
    }
  }

  // From the checkpoint, or in a folder that is cleared.
  void start() {
    const std::filesystem::path folder = options_.out;
    prepare_folder(folder);
    if (options_.resume) {
      const Checkpointer::Resumed resumed = checkpointer_.restore(steps_);
      if (!resumed.note.empty()) progress_.line(resumed.note);
      step_ = resumed.step;
    } else {
      clear_folder(folder);
    }
    journal_.emplace(folder / kMetricsFile, step_);
    for (const Record& record : journal_->records()) alarm_.observe(record);  // what it warned of before the stop
    loader_.seek(step_ / per_epoch_, step_ % per_epoch_);
  }

  Position position(int64_t step) const { return {step, steps_, double(step) / double(per_epoch_)}; }

  [[noreturn]] void stop(const Position& at) {
    checkpointer_.save(at);
    throw Interrupted(fmt::format("stopped after step {} of {} and saved; go on with: {} --resume {}", at.step, steps_,
                                  options_.program, std::filesystem::path(options_.out).string()));
  }

  double learning_rate() const {
    const int64_t warmup = std::lround(options_.warmup * double(steps_));
    return options_.lr * nn::warmup_cosine(step_, steps_, {.warmup = warmup, .end = 0});
  }

  void take_step(data::Uploader& batches, const Position& at) {
    const auto start = Clock::now();
    const double waited = loader_.wait_seconds();
    auto batch = batches.next();
    while (!batch) batch = batches.next();  // between two epochs
    interval_.waiting += loader_.wait_seconds() - waited;

    Step::Context context{.position = at,
                          .logging = at.step == 0 || (at.step + 1) % options_.log_every == 0 || at.step + 1 == steps_,
                          .micro_batch = options_.micro_batch};
    if (probe_) context.probe = [&](const Tensor& features) { probe_->learn(features, batch->labels()); };
    Step step(std::move(context));
    const double lr = learning_rate();
    trainer_.take(*batch, step, at, lr);

    const double seconds = seconds_since(start);
    checkpointer_.trained += seconds, interval_.seconds += seconds, ++interval_.steps;
    tell(step, lr);
  }

  // Lets everybody hear of the step that was just taken.
  void tell(Step& step, double lr) {
    const double trained = checkpointer_.trained;
    StepDone done{.at = position(step_ + 1),
                  .loss = trainer_.loss(),
                  .images_per_second = double(options_.batch * interval_.steps) / interval_.seconds,
                  .seconds_left = trained / double(step_ + 1) * double(steps_ - step_ - 1)};
    Record line;
    if (step.logging) {
      line = {{"step", double(done.at.step)},
              {"epoch", done.at.epoch},
              {"loss", done.loss},
              {"lr", lr},
              {"images_per_second", done.images_per_second},
              {"data_ms", 1e3 * interval_.waiting / double(interval_.steps)},
              {"compute_ms", 1e3 * (interval_.seconds - interval_.waiting) / double(interval_.steps)},
              {"train_seconds", trained}};
      if (auto right = probe_ ? probe_->accuracy() : std::nullopt) step.log("online_probe", *right);
      line.insert(line.end(), step.logged.begin(), step.logged.end());
      done.line = &line;
      interval_ = {};
    }
    for (Listener* listener : listeners_) listener->on_step(done);
  }

  const FitOptions& options_;
  Method& method_;
  data::Loader& loader_;
  const int64_t per_epoch_, steps_;
  int64_t step_ = 0;
  Interval interval_;
  Progress progress_;
  std::unique_ptr<OnlineProbe> probe_;
  Trainer trainer_;
  Checkpointer checkpointer_;
  CollapseAlarm alarm_;
  std::optional<Journal> journal_;
  std::optional<Evaluations> evaluations_;
  std::vector<Listener*> listeners_;  // in the order in which they hear
};

}  // namespace

void fit(Method& method, const Images& images, Generator& generator, const FitOptions& given) {
  FitOptions options = given;
  for (std::string* name : {&options.method, &options.title})
    if (name->empty()) *name = method.describe();
  if (options.program.empty()) options.program = options.method;

  const UseGenerator use(generator);
  data::Loader loader = training_loader(options, images);
  method.to(options.device);
  const Findings found = Run(method, loader, images.split, generator, options)();
  report(options, method, loader, images.split, found);
}

}  // namespace fovea::models
