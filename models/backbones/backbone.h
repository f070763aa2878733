#pragma once

#include <concepts>
#include <utility>

#include <fovea/nn/layer.h>

namespace fovea::models {

// Any network from images [N, H, W, C] to features [N, features()]: an nn::Layer that knows its features, with the
// network's own names, so that a method is written once for all of them. A ResNet becomes one by itself. Net has
// features(); what else it can do is asked for, and refused with a sentence by a network that cannot.
class Backbone : public nn::Module {
 public:
  template <std::derived_from<nn::Module> Net>
  requires(!std::derived_from<Net, Backbone>) Backbone(Net net)  // NOLINT: a network is a backbone
      : features_(net.features()), net_(std::move(net)) {
    if constexpr (requires(Net & n, const Tensor& x) { n.feature_map(x); })
      map_ = [](nn::Module& self, const Tensor& x) -> Tensor { return static_cast<Net&>(self).feature_map(x); };
  }

  Tensor operator()(const Tensor& x);
  // The last features before pooling, [N, h, w, features()]. Throws Error when the network has no such map.
  Tensor feature_map(const Tensor& x);
  int64_t features() const { return features_; }
  nn::Module& net() { return net_.module(); }
  void visit(nn::Visitor& v) override { net().visit(v); }
  std::string describe() const override { return net_.module().describe(); }

 private:
  using Call = Tensor (*)(nn::Module& self, const Tensor& x);
  void follow_mode();
  Tensor ask(Call capability, const char* what, const Tensor& x);

  int64_t features_;
  nn::Layer net_;
  Call map_ = nullptr;
};

}  // namespace fovea::models
