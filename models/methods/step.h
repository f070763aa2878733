#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fovea/core/random.h>
#include <fovea/models/backbones/backbone.h>

namespace fovea::models {

// How far a run has come.
struct Position {
  int64_t step = 0, steps = 0;  // steps done, of so many
  double epoch = 0;             // passes over the data done
};

// The processes that train one network together, each on a batch of its own. Without one there is a single process.
class Ranks {
 public:
  virtual ~Ranks() = default;
  virtual int64_t world() const = 0;
  virtual Tensor gather(const Tensor& rows) = 0;  // as Step::gather, of one view
  virtual Tensor sum(const Tensor& x) = 0;        // as Step::sum_ranks
};

// One step of a run, as a method's loss sees it: where the run stands, what other processes have, and what is left for
// the log.
class Step {
 public:
  struct Context {
    std::optional<Position> position = {};  // none: a step that is being recorded to be replayed at others
    bool logging = false;
    int64_t micro_batch = 0;                                 // images that pass through a network at once; 0: all
    std::function<void(const Tensor& features)> probe = {};  // learns from what features() returns
    Ranks* ranks = nullptr;
  };
  explicit Step(Context context) : logging(context.logging), context_(std::move(context)) {}

  // backbone(x), what the head of a method takes: [rows of x, features()], of images that a gradient is wanted for. It
  // works on micro_batch images at a time (nn/train/recompute.h), and the online probe learns from it.
  Tensor features(Backbone& backbone, const Tensor& x);
  // The same of several tensors of images (crops of one size each), one after another: [all rows, features()].
  Tensor features(Backbone& backbone, const std::vector<Tensor>& groups);
  // backbone.feature_map(x) in the same way, [rows of x, h, w, features()].
  Tensor feature_map(Backbone& backbone, const Tensor& x);

  // These throw Error while a CUDA graph is recorded: what the host computes from them would be that of one step for
  // ever.
  int64_t step() const { return position().step; }
  int64_t steps() const { return position().steps; }
  double epoch() const { return position().epoch; }

  // What a loss that compares samples, a queue, a bank or a running mean must see: the rows of all processes. In one
  // process they are what they are given.
  //
  // rows [V N, ...] of V views, view after view, of N samples here -> [V N world, ...], view after view, in each the
  // processes' samples in their order. The backward pass adds up what the losses of all processes say of the rows that
  // were made here, so that the mean of all processes' gradients is the gradient of a loss over all rows.
  Tensor gather(const Tensor& rows, int64_t views = 1);
  // x, of one shape everywhere, summed over the processes; without gradient.
  Tensor sum_ranks(const Tensor& x);
  int64_t world() const { return context_.ranks ? context_.ranks->world() : 1; }

  // Watches the embeddings [N, D] of two views for collapse: logs their spread, effective rank and similarities, read
  // after the step. Costs nothing on steps that are not logged.
  void watch(const Tensor& z0, const Tensor& z1);
  // Whether somebody will read what this step is watched for.
  bool watching() const { return logging || recorded(); }
  // Watches assignments [B, K] of samples to prototypes, each row a distribution: the entropy of their mean and their
  // own mean entropy.
  void watch_assignments(const Tensor& probabilities);
  // The loss of a network that tells nothing apart, as log K: a run that stands there learns nothing.
  void chance(double loss) { log("chance_loss", loss); }
  // Logs a number of the method's own; in a recorded step, the same one each time.
  void log(const std::string& name, double value);
  // Logs what the step left on the device, after it: `reading` is called with the step that is logged.
  void read_later(std::function<void(Step&)> reading);
  // Adds what this step logged to `step`, which may be itself, and then what it left to read.
  void read_into(Step& step) const;

  const bool logging;  // this step's numbers go into metrics.jsonl
  std::vector<std::pair<std::string, double>> logged;

 private:
  bool recorded() const { return !context_.position; }
  const Position& position() const;
  Tensor in_chunks(Backbone& backbone, const Tensor& x, const std::function<Tensor(const Tensor&)>& net) const;
  Context context_;
  std::vector<std::function<void(Step&)>> readings_;
};

// The rows of the two views that z [2N, ...] holds, view after view.
struct TwoViews {
  Tensor first, second;  // [N, ...]
};
TwoViews two_views(const Tensor& z);

}  // namespace fovea::models
