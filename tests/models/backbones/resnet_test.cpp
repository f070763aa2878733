#include <fovea/models/backbones/resnet.h>

#include <fstream>
#include <map>

#include <fovea/nn/io/torch_state.h>

#include "support/catch.h"
#include "support/fixture.h"

using namespace fovea;
using namespace fovea::testing;
using models::ResNetBlock;

namespace {

// The shape that PyTorch would give a tensor, as text.
std::string torch_shape(const nn::NamedTensor& t) {
  const Shape& s = t.value.shape();
  return (t.is_param && s.rank() == 4 ? Shape{s[0], s[3], s[1], s[2]} : s).str();
}

struct TorchvisionModel {
  int64_t parameters = 0;
  std::vector<std::string> state;  // "name [shape]"
};

std::map<std::string, TorchvisionModel> torchvision_models() {
  std::map<std::string, TorchvisionModel> out;
  std::ifstream in(fixture("resnet_names.txt"));
  TorchvisionModel* model = nullptr;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("resnet"))
      (model = &out[line.substr(0, line.find(' '))])->parameters = std::stoll(line.substr(line.find(' ')));
    else
      model->state.push_back(line);
  }
  return out;
}

void follows_torchvision(const std::string& name, models::ResNet net) {
  Fixture torch("resnet_" + name);
  nn::load_torch_state(net, torch.part("state"));
  Tensor x = torch["x"].to(Dtype::f32), y = net(x);
  CHECK(relative_error(y.detach(), torch["y"]) < 1e-4);
  sum(y * torch["weights"]).backward();
  std::map<std::string, Tensor> grads = torch.part("grad");
  for (const nn::NamedTensor& p : net.named_parameters()) {
    INFO(p.name);
    Tensor grad = p.value.grad();
    if (grad.rank() == 4) grad = permute(grad, {0, 3, 1, 2});
    CHECK(relative_error(grad, grads.at(p.name)) < 5e-4);
  }
  std::map<std::string, Tensor> state = nn::torch_state(net);
  for (const auto& [buffer, value] : torch.part("after")) {
    INFO(buffer);
    CHECK(relative_error(state.at(buffer), value) < 1e-4);
  }
  net.eval();
  NoGrad no_grad;
  CHECK(relative_error(net(x), torch["y_eval"]) < 1e-4);
}

}  // namespace

TEST_CASE("state names, their order and shapes are torchvision's", "[models]") {
  auto torchvision = torchvision_models();
  auto agrees = [&](const std::string& name, models::ResNet net) {
    INFO(name);
    std::vector<std::string> state;
    for (const nn::NamedTensor& t : net.state()) state.push_back(t.name + " " + torch_shape(t));
    REQUIRE(torchvision.contains(name));
    CHECK(state == torchvision[name].state);
    CHECK(net.parameter_count() == torchvision[name].parameters);
  };
  agrees("resnet18", models::resnet18({.classes = 1000}));
  agrees("resnet34", models::resnet34({.classes = 1000}));
  agrees("resnet50", models::resnet50({.classes = 1000}));
}

TEST_CASE("without a classifier parameters are as many as known", "[models]") {
  auto torchvision = torchvision_models();
  CHECK(torchvision["resnet18"].parameters - 1000 * (512 + 1) == 11'176'512);
  CHECK(torchvision["resnet50"].parameters - 1000 * (2048 + 1) == 23'508'032);
  models::ResNet cifar = models::resnet18({.cifar_stem = true});
  CHECK(cifar.parameter_count() == 11'168'832);
  CHECK(cifar.features() == 512);
  CHECK(models::resnet18({.width = 4}).features() == 32);
  CHECK(models::resnet50({.width = 4}).features() == 128);
}

TEST_CASE("a small ResNet of basic blocks follows torchvision forward and backward", "[models]") {
  follows_torchvision("basic", models::ResNet(ResNetBlock::basic, {2, 1, 1, 1}, {.width = 3, .cifar_stem = true}));
}

TEST_CASE("a small ResNet of bottlenecks follows torchvision forward and backward", "[models]") {
  follows_torchvision("bottleneck", models::ResNet(ResNetBlock::bottleneck, {2, 1, 1, 1}, {.width = 2, .classes = 5}));
}

TEST_CASE("feature maps shrink by 32, with the CIFAR stem by 8", "[models]") {
  NoGrad no_grad;
  models::ResNet imagenet = models::resnet18({.width = 4}),
                 cifar = models::resnet18({.width = 4, .channels = 1, .cifar_stem = true});
  CHECK(imagenet.feature_map(randn({2, 128, 96, 3})).shape() == Shape{2, 4, 3, 32});
  CHECK(cifar.feature_map(randn({2, 28, 28, 1})).shape() == Shape{2, 4, 4, 32});
  CHECK(cifar(randn({2, 28, 28, 1})).shape() == Shape{2, 32});
}

TEST_CASE("weights start as torchvision's, and zero_init_residual starts each block as the identity", "[models]") {
  models::ResNet net = models::resnet18({.width = 16, .zero_init_residual = true});
  std::map<std::string, Tensor> state = nn::torch_state(net);
  // Normal with variance 2 / (fan out = 64 * 9).
  CHECK(fovea::std(state.at("layer3.1.conv1.weight")).item() == Approx(std::sqrt(2.0 / 576)).epsilon(0.02));
  CHECK(max(abs(state.at("layer3.1.bn2.weight"))).item() == 0);
  CHECK(min(state.at("layer3.1.bn1.weight")).item() == 1);
  CHECK(max(abs(nn::torch_state(net).at("layer4.0.bn2.weight"))).item() == 0);
  models::ResNet plain = models::resnet18({.width = 4});
  CHECK(min(nn::torch_state(plain).at("layer4.0.bn2.weight")).item() == 1);
  models::ResNet deep = models::resnet50({.width = 4, .zero_init_residual = true});
  CHECK(max(abs(nn::torch_state(deep).at("layer2.3.bn3.weight"))).item() == 0);

  models::BasicBlock block({.in = 8, .planes = 8}, default_generator());
  nn::freeze(block);
  block.bn2.weight.value.fill_(0);
  Tensor x = relu(randn({2, 5, 5, 8}));
  CHECK(relative_error(block(x), x) == 0);
}

TEST_CASE("a ResNet prints its tree", "[models]") {
  models::ResNet net(ResNetBlock::basic, {1, 1, 1, 1}, {.width = 4, .cifar_stem = true});
  CHECK_THAT(net.str(), Catch::Contains("ResNet(\n"
                                        "  (conv1): Conv2d(3, 4, kernel=3, padding=1, bias=false)\n"
                                        "  (bn1): BatchNorm2d(4, eps=1e-05, momentum=0.1)\n"
                                        "  (layer1): Sequential(\n"
                                        "    (0): BasicBlock(\n"
                                        "      (conv1): Conv2d(4, 4, kernel=3, padding=1, bias=false)\n"));
}
