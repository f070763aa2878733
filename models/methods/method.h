#pragma once

#include <functional>
#include <string>
#include <vector>

#include <fovea/data/batch.h>
#include <fovea/models/methods/step.h>

namespace fovea::models {

struct Evaluation;
struct Page;

// A part of a method that no gradient reaches and that follows others: after each step of the optimiser
// theta' = m theta' + (1 - m) theta for every parameter theta' of `module` and the parameter theta whose name in the
// player's module is `student` and the same.
struct Follows {
  nn::Module* module;
  std::string student;  // "online."
  std::function<double(const Position&)> momentum;
};

// What one optimiser trains, and on what: adversaries are two players, all other methods are one.
struct Player {
  std::string name;  // in a checkpoint; empty for the only one
  nn::Module* trains;
  std::function<Tensor(const data::Batch& batch, Step& step)> loss;
};

// A method of self-supervised learning, whole: its networks, what it remembers from step to step, and its step. It is a
// module, so a checkpoint holds all of it and it moves to a device as one.
//
//   class Own : public Method {
//    public:
//     Tensor loss(const data::Batch& batch, Step& step) override { return ...; }
//     nn::Module* kept() override { return &backbone; }
//     ...
//   };
//
// models/training/fit.h trains it.
class Method : public nn::Module {
 public:
  // The loss of a step, a scalar that every trainable parameter's gradient comes from. What the method remembers moves
  // on here too. The method is in training mode.
  virtual Tensor loss(const data::Batch& batch, Step& step) = 0;
  // The part that is evaluated and exported, a Backbone or any other network; null if there is none.
  virtual nn::Module* kept() { return nullptr; }
  // At most one for each player.
  virtual std::vector<Follows> teachers() { return {}; }
  // In the order of their turns within a step. By default one that trains every trainable parameter on loss().
  virtual std::vector<Player> players();
  // Called on the host before each step.
  virtual void before_step(const Position&) {}
  // What is measured of the method beside what fit() measures of every Backbone.
  virtual std::vector<Evaluation> evaluations();
  // Adds what the method has to show of a batch to the report of its run.
  virtual void show(const data::Batch&, Page&) {}
  // Whether loss() reads the batch's labels, which a report says.
  virtual bool labelled() const { return false; }
};

}  // namespace fovea::models
