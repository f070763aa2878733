#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fovea/data/image/loader.h>
#include <fovea/models/backbones/backbone.h>
#include <fovea/nn/module.h>
#include <fovea/nn/train/optim.h>

#include "common/evaluate.h"
#include "common/options.h"

namespace fovea::examples {

// The dataset that --data and --limit name.
data::Split open_data(const Options& options);

// Batches of --batch images for training. Throws Error when the images do not fill one.
data::Loader training_loader(const Options& options, data::DatasetPtr dataset, data::Views views);

// Where a run stands when the loss of a step is computed, and what the loss leaves for the log.
class Run {
 public:
  struct Position {
    int64_t step = 0, steps = 0;  // this step counts from 0
    double epoch = 0;             // passes over the data so far
  };
  struct Context {
    std::optional<Position> position = {};  // none: a step that is being recorded to be replayed at others
    bool logging = false;
    int64_t micro_batch = 0;                                 // --micro-batch
    std::function<void(const Tensor& features)> probe = {};  // learns from what features() returns
  };
  explicit Run(Context context) : logging(context.logging), context_(std::move(context)) {}

  // backbone(x): what the head of the method takes, [rows of x, features()], of images that a gradient is wanted for;
  // by --micro-batch images at a time (nn/train/recompute.h). The probe of --online-probe learns from it.
  Tensor features(models::Backbone& backbone, const Tensor& x);
  // backbone.feature_map(x) in the same way, [rows of x, h, w, features()].
  Tensor feature_map(models::Backbone& backbone, const Tensor& x);

  // These throw Error while a CUDA graph is recorded: what the host computes from them would be that of one step for
  // ever.
  int64_t step() const { return position().step; }
  int64_t steps() const { return position().steps; }
  double epoch() const { return position().epoch; }

  // Watches the embeddings [N, D] of two views for collapse: logs their spread, effective rank and similarities, read
  // after the step. Costs nothing on steps that are not logged.
  void watch(const Tensor& z0, const Tensor& z1);
  // Whether somebody will read what this step is watched for.
  bool watching() const { return logging || recorded(); }
  // Watches assignments [B, K] of samples to prototypes, each row a distribution: the entropy of their mean and their
  // own mean entropy.
  void watch_assignments(const Tensor& probabilities);
  // The loss that a network has which tells nothing apart, as log K: a run that stands there learns nothing.
  void chance(double loss) { log("chance_loss", loss); }
  // Logs a number of the method's own; in a recorded step, the same one each time.
  void log(const std::string& name, double value);
  // Logs what the step left on the device, after it: `reading` is called with the run of the step that is logged.
  void read_later(std::function<void(Run&)> reading);
  // Adds what this run logged to `run`, which may be itself, and then what it left to read.
  void read_into(Run& run) const;

  const bool logging;  // this step's numbers go into metrics.jsonl
  std::vector<std::pair<std::string, double>> logged;

 private:
  bool recorded() const { return !context_.position; }
  const Position& position() const;
  Tensor in_chunks(models::Backbone& backbone, const Tensor& x, const std::function<Tensor(const Tensor&)>& net) const;
  Context context_;
  std::vector<std::function<void(Run&)>> readings_;
};

using Loss = std::function<Tensor(const data::Batch& batch, Run& run)>;

// Trains `model` and leaves metrics.jsonl, last.safetensors and best.safetensors in the run's folder: schedule,
// forward, backward, clip, step, log, evaluate, checkpoint. `backbone` is the part that is kept: of the epoch with the
// best k-NN accuracy with a few labels (without: the best RankMe) in best.safetensors. A run that looks collapsed says
// so. The learning rate rises over --warmup and falls to 0 along a cosine, step by step. With
// --resume it goes on where the checkpoint stands: model, optimiser, random numbers and data position are restored, and
// with the same number of threads every later loss is the same to the bit. Throws Error when a loss is not finite,
// naming the step and the first tensor that is not either, with the last good checkpoint in place; Interrupted after
// Ctrl-C. On a device nothing waits for a step but its log line: losses are read on logged steps alone, after the
// step. With --cuda-graph all steps but the first are replayed. `before` is called on the host before every step.
void fit(const Options& options, data::Loader& loader, nn::Module& model, models::Backbone& backbone,
         nn::Optimizer& optimizer, Evaluator& evaluator, const Loss& loss,
         const std::function<void(const Run::Position&)>& before = {});

// Measures the trained network beside its baselines, prints the table, and leaves backbone.safetensors, summary.json
// and report.html in the run's folder. `views` are what the loader made of the images.
void report(const Options& options, data::Loader& loader, nn::Module& backbone, Evaluator& evaluator);

}  // namespace fovea::examples
