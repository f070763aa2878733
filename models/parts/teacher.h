#pragma once

#include <utility>

#include <fovea/nn/module.h>

namespace fovea::models {

// A copy of a network that no gradient reaches and that follows it: after each step of the optimiser its parameters
// become momentum teacher + (1 - momentum) student (nn::Optimizer::set_teacher). Its batch norms keep running
// statistics of their own, and use those of the batch while training, as the student's do. Parameters are named as the
// student's.
template <class Net>
struct Teacher : nn::Module {
  Net net;

  explicit Teacher(const Net& student) : net(student) { nn::freeze(net); }
  auto operator()(const Tensor& x) {
    NoGrad no_grad;
    return net(x);
  }
  void visit(nn::Visitor& v) override { net.visit(v); }
  std::string describe() const override { return "Teacher"; }
};

}  // namespace fovea::models
