#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fovea/models/methods/method.h>
#include <fovea/models/training/fit.h>
#include <fovea/models/training/step_graph.h>
#include <fovea/nn/train/optim.h>

namespace fovea::models {

// Takes a method's steps, one player after the other: forward, backward, clip, optimiser, teacher. With
// FitOptions::cuda_graph all but the first steps are replays of one that was recorded.
class Trainer {
 public:
  // Uses the method as long as it lives. Errors name `checkpoint` as the place to go on from. Throws Error for two
  // teachers of one player, and for players of one name.
  Trainer(Method& method, const FitOptions& options, std::filesystem::path checkpoint);

  // Trains on the batch. Afterwards `step` has what the method logged, and loss() this step's loss where it was read.
  // Throws Error when a loss that was read is not finite.
  void take(const data::Batch& batch, Step& step, const Position& at, double lr);
  // The loss of the first player, when it was last read: on the CPU in each step, on a device in those that are logged.
  double loss() const { return players_[0].loss; }

  // The players' optimisers by name; a single player's name is empty.
  std::map<std::string, nn::Optimizer*> optimizers();

 private:
  struct Playing {
    Player player;
    std::unique_ptr<nn::Optimizer> optimizer;
    std::vector<Tensor> parameters;
    std::vector<Follows> teachers;  // one or none
    double loss = 0;
    Tensor recorded = {};  // the loss in the graph's memory
  };
  Tensor forward(Playing& playing, const data::Batch& batch, Step& step);
  void backward(Playing& playing, const Tensor& loss);
  void read(Playing& playing, const Tensor& loss, const data::Batch& batch, const Position& at, bool replayed);

  Method& method_;
  const FitOptions& options_;
  const std::filesystem::path checkpoint_;
  std::vector<Playing> players_;
  std::optional<Step> recorded_;  // what the recorded step left for the log
  std::optional<StepGraph> graph_;
};

}  // namespace fovea::models
