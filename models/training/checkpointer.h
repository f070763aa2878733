#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include <fovea/core/random.h>
#include <fovea/models/methods/method.h>
#include <fovea/models/training/fit.h>
#include <fovea/models/training/online_probe.h>
#include <fovea/nn/io/checkpoint.h>
#include <fovea/nn/train/optim.h>

namespace fovea::models {

// last.safetensors: all that decides a run's later losses. Saved at the end of each epoch, every
// FitOptions::checkpoint_every steps, and at the end of the run.
class Checkpointer : public Listener {
 public:
  // Everything is used as long as the Checkpointer lives. `probe` may be null.
  Checkpointer(const FitOptions& options, Method& method, OnlineProbe* probe,
               std::map<std::string, nn::Optimizer*> optimizers, Generator& generator, int64_t steps_per_epoch);

  struct Resumed {
    int64_t step = 0;
    std::string note = {};  // why later losses may differ, if they may
  };
  // Restores everything but the place in the data. Throws Error for a file that does not fit or whose run has more than
  // `steps` steps.
  Resumed restore(int64_t steps);

  void between_steps(const Position& at) override;
  // Saves now, unless that is done. Throws Error, naming the tensor, rather than save a value that is not finite.
  void save(const Position& at);

  const std::filesystem::path& path() const { return path_; }
  double trained = 0;  // seconds of training so far, which a checkpoint keeps

 private:
  struct Trained;
  nn::Checkpoint parts();

  const FitOptions& options_;
  Method& method_;
  std::map<std::string, nn::Optimizer*> optimizers_;
  Generator& generator_;
  int64_t per_epoch_;
  std::filesystem::path path_;
  std::shared_ptr<Trained> all_;
  int64_t saved_ = -1;  // the step that the file is of
};

// Where a checkpoint's metadata keeps the value of a setting: "option.lr" for "--lr".
std::string metadata_key(const std::string& setting);

}  // namespace fovea::models
