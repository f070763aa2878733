#include <fovea/core/allocator.h>
#include <fovea/models/backbones/resnet.h>
#include <fovea/nn/io/checkpoint.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/layers/norm.h>
#include <fovea/nn/train/ema.h>
#include <fovea/nn/train/optim.h>

#include "support/catch.h"
#include "support/files.h"

using namespace fovea;

TEST_CASE("a network moves to the device in place: handles, gradients and the optimiser follow", "[cuda][nn]") {
  manual_seed(3);
  nn::Linear net({.in = 3, .out = 2});
  nn::Sgd optimizer(nn::decay_groups(net), {.lr = 0.5, .momentum = 0.9});
  Tensor weight = net.weight, before = weight.detach().clone();
  weight.set_grad(Tensor::ones({2, 3}));
  net.to(Device::cuda());
  CHECK(weight.device() == Device::cuda());
  CHECK(weight.grad().device() == Device::cuda());
  CHECK(weight.requires_grad());
  CHECK(weight.to_vector<float>() == before.to_vector<float>());
  optimizer.step();
  std::vector<float> stepped = weight.to_vector<float>(), first = before.to_vector<float>();
  for (size_t i = 0; i < first.size(); ++i) CHECK(stepped[i] == Approx(first[i] - 0.5f));
  CHECK(optimizer.steps() == 1);
  for (const nn::NamedTensor& t : optimizer.state())
    if (t.name == "weight.momentum") CHECK(t.value.device() == Device::cuda());
}

TEST_CASE("a checkpoint of a network on the device restores one on the CPU, and back", "[cuda][nn]") {
  testing::TemporaryFolder folder;
  manual_seed(1);
  models::ResNet there = models::resnet18({.width = 4, .cifar_stem = true}), here = there;
  there.to(Device::cuda());
  nn::Sgd saved(nn::decay_groups(there), {.momentum = 0.9}), restored(nn::decay_groups(here), {.momentum = 0.9});
  for (nn::NamedTensor& t : there.state())
    if (t.value.dtype() == Dtype::f32) {
      NoGrad no_grad;
      t.value.fill_(0.25);
    }
  nn::Checkpoint out{&there, &saved, {}, {}}, in{&here, &restored, {}, {}};
  nn::save_checkpoint(folder / "a", out);
  nn::load_checkpoint(folder / "a", in);
  for (const nn::NamedTensor& t : here.state())
    if (t.value.dtype() == Dtype::f32) {
      CHECK(t.value.device() == Device::cpu());
      CHECK(t.value.to_vector<float>() == std::vector<float>(size_t(t.value.numel()), 0.25f));
    }
  for (nn::NamedTensor& t : here.state())
    if (t.is_param) {
      NoGrad no_grad;
      t.value.fill_(2);
    }
  nn::save_checkpoint(folder / "b", in);
  nn::load_checkpoint(folder / "b", out);
  CHECK(there.named_parameters()[0].value.device() == Device::cuda());
  CHECK(there.named_parameters()[0].value.slice(0, 1).to_vector<float>() == std::vector<float>(27, 2.0f));
}

TEST_CASE("tensors on the device print as those of the CPU", "[cuda][nn]") {
  CHECK(to_string(Tensor::full({2}, 1.5, Dtype::f32, Device::cuda())) == "tensor([1.5000, 1.5000], device='cuda:0')");
}
