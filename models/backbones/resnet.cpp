#include <fovea/models/backbones/resnet.h>

#include <fovea/core/check.h>
#include <fovea/nn/init.h>

namespace fovea::models {

namespace {

nn::Conv2d conv(int64_t in, int64_t out, int64_t kernel, int64_t stride, Generator& generator) {
  nn::Conv2d layer({.in = in, .out = out, .kernel = kernel, .stride = stride, .padding = kernel / 2, .bias = false},
                   generator);
  nn::kaiming_normal_(layer.weight, {.mode = nn::FanMode::out}, generator);
  return layer;
}

std::optional<nn::Sequential> make_downsample(int64_t in, int64_t out, int64_t stride, Generator& generator) {
  if (in == out && stride == 1) return std::nullopt;
  return nn::Sequential(conv(in, out, 1, stride, generator), nn::BatchNorm2d({.features = out}));
}

template <class Block>
Block make_block(const BlockOptions& options, bool zero_init, Generator& generator) {
  Block block(options, generator);
  if constexpr (std::same_as<Block, BasicBlock>) {
    if (zero_init) nn::constant_(block.bn2.weight, 0);
  } else {
    if (zero_init) nn::constant_(block.bn3.weight, 0);
  }
  return block;
}

}  // namespace

BasicBlock::BasicBlock(const BlockOptions& o, Generator& generator)
    : conv1(conv(o.in, o.planes, 3, o.stride, generator)),
      bn1({.features = o.planes}),
      conv2(conv(o.planes, o.planes, 3, 1, generator)),
      bn2({.features = o.planes}),
      downsample(make_downsample(o.in, o.planes, o.stride, generator)) {}

Tensor BasicBlock::operator()(const Tensor& x) {
  Tensor identity = downsample ? (*downsample)(x) : x;
  return bn2.add_relu(conv2(bn1.relu(conv1(x))), identity);
}

void BasicBlock::visit(nn::Visitor& v) {
  v("conv1", conv1);
  v("bn1", bn1);
  v("conv2", conv2);
  v("bn2", bn2);
  if (downsample) v("downsample", *downsample);
}

Bottleneck::Bottleneck(const BlockOptions& o, Generator& generator)
    : conv1(conv(o.in, o.planes, 1, 1, generator)),
      bn1({.features = o.planes}),
      conv2(conv(o.planes, o.planes, 3, o.stride, generator)),
      bn2({.features = o.planes}),
      conv3(conv(o.planes, 4 * o.planes, 1, 1, generator)),
      bn3({.features = 4 * o.planes}),
      downsample(make_downsample(o.in, 4 * o.planes, o.stride, generator)) {}

Tensor Bottleneck::operator()(const Tensor& x) {
  Tensor identity = downsample ? (*downsample)(x) : x;
  return bn3.add_relu(conv3(bn2.relu(conv2(bn1.relu(conv1(x))))), identity);
}

void Bottleneck::visit(nn::Visitor& v) {
  v("conv1", conv1);
  v("bn1", bn1);
  v("conv2", conv2);
  v("bn2", bn2);
  v("conv3", conv3);
  v("bn3", bn3);
  if (downsample) v("downsample", *downsample);
}

ResNet::ResNet(ResNetBlock block, const std::array<int, 4>& blocks, const ResNetOptions& o, Generator& generator)
    : conv1(o.cifar_stem ? conv(o.channels, o.width, 3, 1, generator) : conv(o.channels, o.width, 7, 2, generator)),
      bn1({.features = o.width}),
      cifar_stem_(o.cifar_stem),
      features_(8 * o.width * (block == ResNetBlock::basic ? 1 : 4)) {
  nn::Sequential* stages[] = {&layer1, &layer2, &layer3, &layer4};
  int64_t in = o.width, expansion = block == ResNetBlock::basic ? 1 : 4;
  for (int stage = 0; stage < 4; ++stage) {
    int64_t planes = o.width << stage;
    for (int i = 0; i < blocks[size_t(stage)]; ++i) {
      int64_t stride = stage > 0 && i == 0 ? 2 : 1;
      if (block == ResNetBlock::basic)
        stages[stage]->append(
            make_block<BasicBlock>({.in = in, .planes = planes, .stride = stride}, o.zero_init_residual, generator));
      else
        stages[stage]->append(
            make_block<Bottleneck>({.in = in, .planes = planes, .stride = stride}, o.zero_init_residual, generator));
      in = expansion * planes;
    }
  }
  if (o.classes > 0) fc.emplace(nn::LinearOptions{.in = features_, .out = o.classes}, generator);
}

Tensor ResNet::feature_map(const Tensor& x) {
  Tensor y = bn1.relu(conv1(x));
  if (!cifar_stem_) y = max_pool2d(y, {.kernel = 3, .stride = 2, .padding = 1});
  return layer4(layer3(layer2(layer1(y))));
}

Tensor ResNet::operator()(const Tensor& x) {
  Tensor y = global_avg_pool(feature_map(x));
  return fc ? (*fc)(y) : y;
}

void ResNet::visit(nn::Visitor& v) {
  v("conv1", conv1);
  v("bn1", bn1);
  v("layer1", layer1);
  v("layer2", layer2);
  v("layer3", layer3);
  v("layer4", layer4);
  if (fc) v("fc", *fc);
}

ResNet resnet18(const ResNetOptions& options, Generator& generator) {
  return ResNet(ResNetBlock::basic, {2, 2, 2, 2}, options, generator);
}

ResNet resnet34(const ResNetOptions& options, Generator& generator) {
  return ResNet(ResNetBlock::basic, {3, 4, 6, 3}, options, generator);
}

ResNet resnet50(const ResNetOptions& options, Generator& generator) {
  return ResNet(ResNetBlock::bottleneck, {3, 4, 6, 3}, options, generator);
}

}  // namespace fovea::models
