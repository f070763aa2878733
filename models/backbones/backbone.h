#pragma once

#include <concepts>
#include <memory>
#include <utility>

#include <fovea/core/error.h>
#include <fovea/nn/module.h>

namespace fovea::models {

// Any network from images [N, H, W, C] to features [N, features()]: an owning, copyable box with the network's own
// names, so that a method is written once for all of them. A ResNet becomes one by itself. Net has features(); one with
// feature_map() as well serves the methods that look at places of an image.
class Backbone : public nn::Module {
 public:
  template <std::derived_from<nn::Module> Net>
  requires(!std::derived_from<Net, Backbone>) Backbone(Net net)  // NOLINT: a network is a backbone
      : features_(net.features()),
        net_(std::make_unique<Net>(std::move(net))),
        copy_([](const nn::Module& self) -> std::unique_ptr<nn::Module> {
          return std::make_unique<Net>(static_cast<const Net&>(self));
        }),
        call_([](nn::Module& self, const Tensor& x) -> Tensor { return static_cast<Net&>(self)(x); }) {
    if constexpr (requires(Net & n, const Tensor& x) { n.feature_map(x); })
      map_ = [](nn::Module& self, const Tensor& x) -> Tensor { return static_cast<Net&>(self).feature_map(x); };
  }
  Backbone(const Backbone& other)
      : nn::Module(other),
        features_(other.features_),
        net_(other.copy_(*other.net_)),
        copy_(other.copy_),
        call_(other.call_),
        map_(other.map_) {}
  Backbone(Backbone&&) = default;
  Backbone& operator=(const Backbone& other) { return *this = Backbone(other); }
  Backbone& operator=(Backbone&&) = default;

  Tensor operator()(const Tensor& x) { return call_(ready(), x); }
  // The last features before pooling, [N, h, w, features()]. Throws Error when the network has no such map.
  Tensor feature_map(const Tensor& x) {
    if (!map_) throw Error(net_->describe() + ": has no feature map");
    return map_(ready(), x);
  }
  int64_t features() const { return features_; }
  nn::Module& net() { return *net_; }
  void visit(nn::Visitor& v) override { net_->visit(v); }
  std::string describe() const override { return net_->describe(); }

 private:
  // The network itself in this module's mode: visit() leads past it.
  nn::Module& ready() {
    if (net_->training() != training()) net_->train(training());
    return *net_;
  }

  int64_t features_;
  std::unique_ptr<nn::Module> net_;
  std::unique_ptr<nn::Module> (*copy_)(const nn::Module&);
  Tensor (*call_)(nn::Module&, const Tensor&);
  Tensor (*map_)(nn::Module&, const Tensor&) = nullptr;
};

}  // namespace fovea::models
