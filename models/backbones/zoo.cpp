#include <fovea/models/backbones/zoo.h>

namespace fovea::models {

namespace {

template <ResNet (*Make)(const ResNetOptions&, Generator&)>
Backbone resnet(const ResNetOptions& options, Generator& generator) {
  return Make(options, generator);
}

}  // namespace

const Choices<Backbone (*)(const ResNetOptions& options, Generator& generator)>& backbones() {
  static const Choices<Backbone (*)(const ResNetOptions&, Generator&)> all = {
      {"resnet18", "ResNet (He et al., 2016) of 18 layers: 512 features at width 64", resnet<&resnet18>},
      {"resnet34", "of 34 layers: 512 features at width 64", resnet<&resnet34>},
      {"resnet50", "of 50 layers, in bottlenecks: 2048 features at width 64", resnet<&resnet50>}};
  return all;
}

Backbone make_backbone(const std::string& name, const ResNetOptions& options, Generator& generator) {
  return backbones().at(name, "backbone")(options, generator);
}

}  // namespace fovea::models
