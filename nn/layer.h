#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <fovea/nn/module.h>

namespace fovea::nn {

// Any module that maps one tensor to one: an owning, copyable box. Sequential is a list of these.
class Layer {
 public:
  template <std::derived_from<Module> M>
  Layer(M module)
      : self_(std::make_unique<M>(std::move(module))),
        copy_([](const Module& self) -> std::unique_ptr<Module> {
          return std::make_unique<M>(static_cast<const M&>(self));
        }),
        call_([](Module& self, const Tensor& x) -> Tensor { return static_cast<M&>(self)(x); }) {}
  Layer(const Layer& other) : self_(other.copy_(*other.self_)), copy_(other.copy_), call_(other.call_) {}
  Layer(Layer&&) = default;
  Layer& operator=(const Layer& other) { return *this = Layer(other); }
  Layer& operator=(Layer&&) = default;
  Tensor operator()(const Tensor& x) { return call_(*self_, x); }
  Module& module() { return *self_; }
  const Module& module() const { return *self_; }

 private:
  std::unique_ptr<Module> self_;
  std::unique_ptr<Module> (*copy_)(const Module&);
  Tensor (*call_)(Module&, const Tensor&);
};

// Sequential net{Linear({.in = 4, .out = 8}), ReLU(), Linear({.in = 8, .out = 2})}; children are named 0, 1, 2.
class Sequential : public Module {
 public:
  Sequential() = default;
  template <class First, class... Rest>
  requires(!std::same_as<std::remove_cvref_t<First>, Sequential> ||
           sizeof...(Rest) > 0) explicit Sequential(First first, Rest... rest) {
    layers_.reserve(1 + sizeof...(rest));
    layers_.emplace_back(std::move(first));
    (layers_.emplace_back(std::move(rest)), ...);
  }
  void append(Layer layer) { layers_.push_back(std::move(layer)); }
  size_t size() const { return layers_.size(); }
  Layer& operator[](size_t i) { return layers_[i]; }
  Tensor operator()(Tensor x) {
    for (Layer& layer : layers_) x = layer(x);
    return x;
  }
  void visit(Visitor& v) override {
    for (size_t i = 0; i < layers_.size(); ++i) v(std::to_string(i), layers_[i].module());
  }
  std::string describe() const override { return "Sequential"; }

 private:
  std::vector<Layer> layers_;
};

}  // namespace fovea::nn
