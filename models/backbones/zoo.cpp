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
      {"resnet18", "ResNet-18 (He et al., 2016): 512 features at width 64", resnet<&resnet18>},
      {"resnet34", "ResNet-34 (He et al., 2016): 512 features at width 64", resnet<&resnet34>},
      {"resnet50", "ResNet-50 (He et al., 2016), with bottleneck blocks: 2048 features at width 64",
       resnet<&resnet50>}};
  return all;
}

Backbone make_backbone(const std::string& name, const ResNetOptions& options, Generator& generator) {
  return backbones().at(name, "backbone")(options, generator);
}

}  // namespace fovea::models
