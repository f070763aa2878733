#include <fovea/models/backbones/backbone.h>

#include <fovea/core/check.h>

namespace fovea::models {

// Puts the network into this module's mode: visit() leads past it.
void Backbone::follow_mode() {
  if (net().training() != training()) net().train(training());
}

Tensor Backbone::ask(Call capability, const char* what, const Tensor& x) {
  check(capability, "{}: has no {}", net().describe(), what);
  follow_mode();
  return capability(net(), x);
}

Tensor Backbone::operator()(const Tensor& x) {
  follow_mode();
  return net_(x);
}

Tensor Backbone::feature_map(const Tensor& x) {
  return ask(map_, "feature map", x);
}

}  // namespace fovea::models
