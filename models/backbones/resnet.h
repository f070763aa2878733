#pragma once

#include <array>
#include <optional>

#include <fovea/nn/layer.h>
#include <fovea/nn/layers/activation.h>
#include <fovea/nn/layers/conv.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/layers/norm.h>

// Deep residual learning (He et al., 2016), with torchvision's names, shapes and initialisation (its "v1.5": in a
// bottleneck the 3x3 convolution has the stride). Images are [N, H, W, channels].
namespace fovea::models {

struct ResNetOptions {
  int64_t width = 64;       // channels of the first stage; 64 is the paper's, 16 makes a network a sixteenth as large
  int64_t channels = 3;     // of the images
  bool cifar_stem = false;  // conv 3x3 stride 1, no max pooling: for images of about 32 pixels
  bool zero_init_residual = false;  // the last norm of each block starts at 0, so each block starts as the identity
  int64_t classes = 0;              // 0: no classifier, the result is the pooled features
};

struct BlockOptions {
  int64_t in = 0, planes = 0;  // channels of the images and of the block's 3x3 convolutions
  int64_t stride = 1;
};

// conv3x3-bn-relu-conv3x3-bn, plus the input, relu.
class BasicBlock : public nn::Module {
 public:
  BasicBlock(const BlockOptions& options, Generator& generator);
  Tensor operator()(const Tensor& x);
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "BasicBlock"; }

  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::Conv2d conv2;
  nn::BatchNorm2d bn2;
  std::optional<nn::Sequential> downsample;  // conv1x1-bn, where shape changes
};

// conv1x1-bn-relu-conv3x3-bn-relu-conv1x1-bn, plus the input, relu; the result has 4 * planes channels.
class Bottleneck : public nn::Module {
 public:
  Bottleneck(const BlockOptions& options, Generator& generator);
  Tensor operator()(const Tensor& x);
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "Bottleneck"; }

  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::Conv2d conv2;
  nn::BatchNorm2d bn2;
  nn::Conv2d conv3;
  nn::BatchNorm2d bn3;
  std::optional<nn::Sequential> downsample;
};

enum class ResNetBlock { basic, bottleneck };

class ResNet : public nn::Module {
 public:
  ResNet(ResNetBlock block, const std::array<int, 4>& blocks, const ResNetOptions& options,
         Generator& generator = default_generator());
  // [N, H, W, channels] -> [N, features()], or [N, classes] with a classifier.
  Tensor operator()(const Tensor& x);
  // The last feature map, [N, H / 32, W / 32, features()] (H / 8 with the CIFAR stem).
  Tensor feature_map(const Tensor& x);
  int64_t features() const { return features_; }
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "ResNet"; }

  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::Sequential layer1, layer2, layer3, layer4;
  std::optional<nn::Linear> fc;

 private:
  bool cifar_stem_;
  int64_t features_;
};

ResNet resnet18(const ResNetOptions& options = {}, Generator& generator = default_generator());
ResNet resnet34(const ResNetOptions& options = {}, Generator& generator = default_generator());
ResNet resnet50(const ResNetOptions& options = {}, Generator& generator = default_generator());

}  // namespace fovea::models
