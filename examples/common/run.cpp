#include "common/run.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <optional>

#include <fovea/core/autocast.h>
#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/core/random.h>
#include <fovea/data/image/uploader.h>
#include <fovea/kernels/context.h>
#include <fovea/nn/io/checkpoint.h>
#include <fovea/nn/io/torch_state.h>
#include <fovea/nn/train/monitors.h>
#include <fovea/nn/train/recompute.h>
#include <fovea/nn/train/schedule.h>

#include "common/collapse.h"
#include "common/folder.h"
#include "common/online_probe.h"
#include "common/progress.h"
#include "common/step_graph.h"

namespace fovea::examples {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// While one of these is alive, the first Ctrl-C (or SIGTERM) only sets a flag; the second ends the process as usual.
class StopSignals {
 public:
  StopSignals() : previous_{std::signal(SIGINT, handle), std::signal(SIGTERM, handle)} { stop_ = 0; }
  ~StopSignals() {
    std::signal(SIGINT, previous_[0]);
    std::signal(SIGTERM, previous_[1]);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  bool stopped() const { return stop_ != 0; }

 private:
  static void handle(int signal) {
    stop_ = 1;
    std::signal(signal, SIG_DFL);
  }
  static inline volatile std::sig_atomic_t stop_ = 0;
  void (*previous_[2])(int);
};

bool all_finite(const Tensor& t) {
  if (!is_float(t.dtype()) || t.numel() == 0) return true;
  NoGrad no_grad;
  Tensor x = t.to(Dtype::f32);
  return std::isfinite(max(x).item()) && std::isfinite(min(x).item()) && std::isfinite(sum(x * 0.0).item());
}

// The first tensor with a value that is not finite: the images, then parameters and buffers, then gradients; empty if
// none.
std::string first_not_finite(const data::Batch* batch, nn::Module& model) {
  if (batch)
    for (const Tensor& view : batch->views)
      if (!all_finite(view)) return "the batch's images";
  for (const nn::NamedTensor& entry : model.state())
    if (!all_finite(entry.value))
      return fmt::format("{} {}", entry.is_param ? "the parameter" : "the buffer", entry.name);
  for (const nn::NamedTensor& entry : model.named_parameters())
    if (Tensor grad = entry.value.grad(); grad.defined() && !all_finite(grad)) return "the gradient of " + entry.name;
  return "";
}

[[noreturn]] void throw_not_finite(const std::string& what, int64_t step, const std::string& tensor,
                                   const fs::path& checkpoint) {
  throw Error(fmt::format("{} at step {}; the first tensor with such a value is {}; {}", what, step,
                          tensor.empty() ? "the loss itself" : tensor,
                          fs::exists(checkpoint) ? fmt::format("the last good checkpoint is in {}", checkpoint.string())
                                                 : "there was no checkpoint yet"));
}

int64_t total_steps(const Options& options, const data::Loader& loader) {
  return options.steps > 0 ? options.steps : options.epochs * loader.steps();
}

// What a checkpoint holds: the model, and beside it the probe.
struct Trained : nn::Module {
  nn::Module& model;
  std::optional<OnlineProbe> probe;

  explicit Trained(nn::Module& trained) : model(trained) {}
  void visit(nn::Visitor& v) override {
    model.visit(v);
    if (probe) v("online_probe", *probe);
  }
  std::string describe() const override { return "Trained"; }
};

void store(const fs::path& path, const Options& options, nn::Module& model, nn::Optimizer& optimizer, int64_t step,
           double trained) {
  nn::Checkpoint checkpoint{&model, &optimizer, {{"default", &default_generator()}}, {}};
  checkpoint.metadata = {{"method", options.method},
                         {"version", kVersion},
                         {"step", std::to_string(step)},
                         {"train_milliseconds", std::to_string(std::llround(1e3 * trained))},
                         {"threads", std::to_string(kernels::threads())}};
  for (const Options::Value& value : options.values) checkpoint.metadata[metadata_key(value.flag)] = value.text;
  nn::save_checkpoint(path, checkpoint);
}

std::map<std::string, std::string> restore(const fs::path& path, nn::Module& model, nn::Optimizer& optimizer) {
  nn::Checkpoint checkpoint{&model, &optimizer, {{"default", &default_generator()}}, {}};
  nn::load_checkpoint(path, checkpoint);
  return checkpoint.metadata;
}

int64_t integer(const std::map<std::string, std::string>& metadata, const std::string& key, const fs::path& path) {
  auto found = metadata.find(key);
  check(found != metadata.end(), "{}: its metadata has no {}", path.string(), key);
  const char *begin = found->second.data(), *end = begin + found->second.size();
  int64_t value = -1;
  const auto [rest, error] = std::from_chars(begin, end, value);
  check(error == std::errc() && rest == end && value >= 0, "{}: want a count as its metadata's {}, got \"{}\"",
        path.string(), key, found->second);
  return value;
}

// Time of the steps since the last log line, without evaluation and checkpoints.
struct Interval {
  int64_t steps = 0;
  double seconds = 0, waiting = 0;
};

// Whether a value is above those of all evaluations so far of a network that had been trained.
bool is_best(const Journal& journal, const std::string& name, double value) {
  for (const Record& record : journal.records())
    if (auto earlier = find(record, name); earlier && *find(record, "step") > 0 && *earlier >= value) return false;
  return true;
}

}  // namespace

data::Split open_data(const Options& options) {
  data::Split split = data::open_dataset(options.data);
  if (options.limit > 0) split.train = data::first(split.train, options.limit);
  return split;
}

data::Loader training_loader(const Options& options, data::DatasetPtr dataset, data::Views views) {
  check(dataset->size() >= options.batch, "--batch {} is more than the {} training images", options.batch,
        dataset->size());
  return {std::move(dataset), std::move(views),
          data::for_device({.batch_size = options.batch, .seed = uint64_t(options.seed), .workers = options.workers},
                           options.device)};
}

const Run::Position& Run::position() const {
  check(context_.position.has_value(), "this method's loss depends on the step: want a run without --cuda-graph");
  return *context_.position;
}

Tensor Run::in_chunks(models::Backbone& backbone, const Tensor& x,
                      const std::function<Tensor(const Tensor&)>& net) const {
  return context_.micro_batch > 0 ? nn::recompute(backbone, x, context_.micro_batch, net) : net(x);
}

Tensor Run::features(models::Backbone& backbone, const Tensor& x) {
  Tensor h = in_chunks(backbone, x, [&](const Tensor& chunk) { return backbone(chunk); });
  if (context_.probe) context_.probe(h);
  return h;
}

Tensor Run::feature_map(models::Backbone& backbone, const Tensor& x) {
  Tensor map = in_chunks(backbone, x, [&](const Tensor& chunk) { return backbone.feature_map(chunk); });
  if (context_.probe) context_.probe(mean(map, {1, 2}));
  return map;
}

void Run::watch(const Tensor& z0, const Tensor& z1) {
  read_later([z0 = z0.detach(), z1 = z1.detach()](Run& run) {
    auto [positive, negative] = nn::view_similarities(z0, z1);
    run.log("std", nn::normalized_std(z0));
    run.log("effective_rank", nn::effective_rank(z0));
    run.log("positive_similarity", positive);
    run.log("negative_similarity", negative);
    run.log("dimensions", double(z0.size(1)));
  });
}

void Run::watch_assignments(const Tensor& probabilities) {
  read_later([probabilities = probabilities.detach()](Run& run) {
    NoGrad no_grad;
    Tensor p = probabilities.to(Dtype::f32), average = mean(p, {0});
    auto entropy = [](const Tensor& q) { return -sum(q * fovea::log(q + 1e-12), {-1}); };
    run.log("assignment_entropy", entropy(average).item());
    run.log("sample_entropy", mean(entropy(p)).item());
    run.log("prototypes", double(p.size(1)));
  });
}

void Run::log(const std::string& name, double value) {
  if (watching()) logged.emplace_back(name, value);
}

void Run::read_later(std::function<void(Run&)> reading) {
  if (watching()) readings_.push_back(std::move(reading));
}

void Run::read_into(Run& run) const {
  if (&run != this) run.logged.insert(run.logged.end(), logged.begin(), logged.end());
  for (const auto& reading : readings_) reading(run);
}

void fit(const Options& options, data::Loader& loader, nn::Module& model, models::Backbone& backbone,
         nn::Optimizer& optimizer, Evaluator& evaluator, const Loss& loss,
         const std::function<void(const Run::Position&)>& before) {
  const fs::path folder = options.out, checkpoint = folder / kCheckpointFile;
  const int64_t steps = total_steps(options, loader), per_epoch = loader.steps();
  const std::vector<Tensor> parameters = model.parameters();
  prepare_folder(folder);

  Progress progress;
  Trained all(model);
  if (options.online_probe) {
    all.probe.emplace(backbone.features(), evaluator.classes());
    all.probe->to(options.device);
  }
  CollapseAlarm alarm;
  int64_t step = 0;
  double trained = 0;  // seconds
  if (options.resume) {
    auto metadata = restore(checkpoint, all, optimizer);
    step = integer(metadata, "step", checkpoint);
    check(step <= steps, "{}: want a run of at most {} steps, as this data and these flags make, got step {}",
          checkpoint.string(), steps, step);
    trained = double(integer(metadata, "train_milliseconds", checkpoint)) / 1e3;
    if (integer(metadata, "threads", checkpoint) != kernels::threads())
      progress.line(
          fmt::format("note: the run used {} threads so far; with {} its losses are no longer the same to the bit",
                      metadata["threads"], kernels::threads()));
  } else {
    clear_folder(folder);
  }
  Journal journal(folder / kMetricsFile, step);
  for (const Record& record : journal.records()) alarm.observe(record);  // what it warned of before it was stopped
  loader.seek(step / per_epoch, step % per_epoch);

  auto forward = [&](const data::Batch& batch, Run& run) {
    optimizer.zero_grad();
    model.train();
    Autocast autocast(options.bf16);
    return loss(batch, run);
  };
  auto backward = [&](const Tensor& value) {
    value.backward();
    if (options.clip > 0) nn::clip_grad_norm(parameters, options.clip);
    optimizer.step();
  };
  data::Uploader batches(loader, options.device);
  // What a recorded step leaves in the graph's memory for whoever reads it after a replay.
  std::optional<Run> recorded;
  Tensor recorded_loss;
  std::optional<StepGraph> graph;
  if (options.cuda_graph)
    graph.emplace(options.device, model, [&](const data::Batch& batch) {
      recorded.emplace(Run::Context{.micro_batch = options.micro_batch});
      Tensor value = forward(batch, *recorded);
      recorded_loss = value.detach();
      backward(value);
    });

  StopSignals signals;
  Interval interval;
  double loss_value = 0;                       // of the last step that read it
  int64_t saved = options.resume ? step : -1;  // the step that the checkpoint is of
  auto save = [&] {
    if (std::string bad = first_not_finite(nullptr, model); !bad.empty())
      throw_not_finite("a value is not finite", step, bad, checkpoint);
    store(checkpoint, options, all, optimizer, step, trained);
    saved = step;
  };
  auto evaluate = [&] {
    auto start = Clock::now();
    evaluator.extract();
    Record record{{"step", double(step)}, {"epoch", double(step) / double(per_epoch)}, {"knn_top1", evaluator.knn()}};
    if (step == 0) record.emplace_back("linear_top1", evaluator.linear().last);
    if (all.probe && step > 0) record.emplace_back("online_probe_top1", evaluator.accuracy(*all.probe));
    record.emplace_back("rank_me", evaluator.rank_me());
    const char* criterion = "rank_me";
    if (auto few = options.few_labels > 0 ? evaluator.few_labels(options.few_labels) : std::nullopt)
      record.emplace_back(criterion = "few_labels_top1", *few);
    if (step > 0 && is_best(journal, criterion, *find(record, criterion)))
      nn::save_weights(folder / kBestFile, backbone, {{"method", options.method}, {"step", std::to_string(step)}});
    record.emplace_back("evaluation_seconds", seconds_since(start));
    journal.append(record);
    progress.line(
        fmt::format("{}: k-NN top-1 {:.4f}",
                    step == 0 ? "before training" : fmt::format("epoch {:.4g}", double(step) / double(per_epoch)),
                    *find(record, "knn_top1")));
  };

  for (;; ++step) {
    const bool done = step == steps, epoch_end = step % per_epoch == 0;
    if (signals.stopped() && !done) {
      if (saved != step) save();
      throw Interrupted(fmt::format("stopped after step {} of {} and saved; go on with: {} --resume {}", step, steps,
                                    options.program, folder.string()));
    }
    const bool evaluation_due =
        step == 0 || done || (epoch_end && options.eval_every > 0 && step / per_epoch % options.eval_every == 0);
    if (evaluation_due && !journal.at(step, "knn_top1")) evaluate();
    if (saved != step && (done || epoch_end || (options.checkpoint_every > 0 && step % options.checkpoint_every == 0)))
      save();
    if (done) break;

    auto start = Clock::now();
    double waited = loader.wait_seconds();
    auto batch = batches.next();
    while (!batch) batch = batches.next();  // between two epochs
    interval.waiting += loader.wait_seconds() - waited;

    const Run::Position position{step, steps, double(step) / double(per_epoch)};
    Run::Context context{.position = position,
                         .logging = step == 0 || (step + 1) % options.log_every == 0 || step + 1 == steps,
                         .micro_batch = options.micro_batch};
    if (all.probe) context.probe = [&](const Tensor& features) { all.probe->learn(features, batch->labels); };
    Run run(std::move(context));
    if (before) before(position);
    double lr =
        options.lr *
        nn::warmup_cosine(step, steps, {.warmup = int64_t(std::lround(options.warmup * double(steps))), .end = 0});
    optimizer.set_lr(lr);
    const bool reads = run.logging || options.device.is_cpu();  // to read a device's loss is to wait for it
    const bool replayed = graph && graph->run(*batch);
    Tensor value = replayed ? recorded_loss : forward(*batch, run);
    if (reads) loss_value = value.item();
    if (!std::isfinite(loss_value)) {
      std::string bad = first_not_finite(&*batch, model);
      if (bad.empty() && !replayed) value.backward(), bad = first_not_finite(nullptr, model);
      throw_not_finite(fmt::format("the loss is {}", loss_value), step + 1, bad, checkpoint);
    }
    if (!replayed) {
      backward(value);
      if (graph) graph->settle();
    }
    if (run.logging) (replayed ? *recorded : run).read_into(run);

    double seconds = seconds_since(start);
    trained += seconds, interval.seconds += seconds, ++interval.steps;
    double speed = double(options.batch * interval.steps) / interval.seconds;
    if (run.logging) {
      Record record{{"step", double(step + 1)},
                    {"epoch", double(step + 1) / double(per_epoch)},
                    {"loss", loss_value},
                    {"lr", lr},
                    {"images_per_second", speed},
                    {"data_ms", 1e3 * interval.waiting / double(interval.steps)},
                    {"compute_ms", 1e3 * (interval.seconds - interval.waiting) / double(interval.steps)},
                    {"train_seconds", trained}};
      if (auto right = all.probe ? all.probe->accuracy() : std::nullopt) run.log("online_probe", *right);
      record.insert(record.end(), run.logged.begin(), run.logged.end());
      journal.append(record);
      if (auto warning = alarm.observe(record)) progress.line(*warning);
    }
    progress.update({step + 1, steps, double(step + 1) / double(per_epoch), int((steps + per_epoch - 1) / per_epoch),
                     loss_value, speed, trained / double(step + 1) * double(steps - step - 1)},
                    run.logging);
    if (run.logging) interval = {};
  }
}

}  // namespace fovea::examples
