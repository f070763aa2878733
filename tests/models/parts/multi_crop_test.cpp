#include <fovea/models/parts/multi_crop.h>

#include <cmath>

#include <fovea/core/allocator.h>
#include <fovea/losses/clustering/swav.h>
#include <fovea/models/backbones/resnet.h>
#include <fovea/models/methods/clustering/swav.h>
#include <fovea/models/methods/distillation/dino.h>
#include <fovea/nn/train/optim.h>
#include <fovea/nn/train/recompute.h>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using fovea::testing::relative_error;

namespace {

models::Backbone small_backbone() {
  manual_seed(3);
  return models::ResNet(models::ResNetBlock::basic, {1, 1, 1, 1}, {.width = 4, .cifar_stem = true});
}

// Each crop of n images through the backbone on its own, with the graph of all crops.
Tensor crop_by_crop(models::Backbone& backbone, const std::vector<Tensor>& groups, int64_t n) {
  std::vector<Tensor> parts;
  for (const Tensor& group : groups)
    for (int64_t at = 0; at < group.size(0); at += n) parts.push_back(backbone(group.slice(at, at + n)));
  return concat(parts);
}

size_t peak_above(const std::function<void()>& step) {
  Allocator& memory = allocator(Device::cpu());
  memory.reset_peak();
  const size_t before = memory.stats().live;
  step();
  return memory.stats().peak - before;
}

}  // namespace

TEST_CASE("crops of one size pass the backbone together, crop after crop", "[models]") {
  models::Backbone backbone = small_backbone();
  const std::vector<Tensor> groups = {randn({6, 16, 16, 3}), randn({9, 8, 8, 3})};
  Tensor h = models::multi_crop(backbone, groups);
  CHECK(h.shape() == Shape{15, 32});
  models::Backbone again = small_backbone();
  CHECK(relative_error(h.slice(0, 6), again(groups[0])) == 0);
  CHECK(relative_error(h.slice(6, 15), again(groups[1])) == 0);
  CHECK(relative_error(models::multi_crop(backbone, {groups[0]}), h.slice(0, 6)) == 0);
}

TEST_CASE("crops one by one have the gradients of the crops together, in less memory", "[models]") {
  const int64_t n = 16;
  const std::vector<Tensor> groups = {randn({2 * n, 16, 16, 3}), randn({6 * n, 8, 8, 3})};
  models::Swav whole(small_backbone(), {.prototypes = 10, .out = 8}), cached = whole;
  auto loss = [](models::Swav& model, const Tensor& h) {
    return losses::swav(model.prototypes(normalize(model.projector(h))), 8);
  };
  double losses[2];
  const size_t all = peak_above([&] {
    Tensor value = loss(whole, crop_by_crop(whole.backbone, groups, n));
    value.backward();
    losses[0] = value.item();
  });
  const size_t one = peak_above([&] {
    auto features = [&](const Tensor& x) { return nn::recompute(cached.backbone, x, n); };
    Tensor value = loss(cached, models::multi_crop(features, groups));
    value.backward();
    losses[1] = value.item();
  });
  CHECK(losses[0] == losses[1]);
  std::vector<nn::NamedTensor> a = whole.named_parameters(), b = cached.named_parameters();
  for (size_t i = 0; i < a.size(); ++i) {
    INFO(a[i].name);
    CHECK(relative_error(b[i].value.grad(), a[i].value.grad()) < 1e-5);
  }
  CHECK(2 * one < all);
}

TEST_CASE("prototypes keep rows of length 1 and give cosines", "[models]") {
  manual_seed(5);
  models::Prototypes prototypes({.in = 6, .count = 4});
  auto lengths = [&] { return sum(square(prototypes.weight), {1}).to_vector<float>(); };
  for (float length : lengths()) CHECK(length == Approx(1).epsilon(1e-6));
  Tensor z = normalize(randn({5, 6}));
  prototypes(z * 3.0).backward(Tensor::ones({5, 4}));
  nn::Sgd optimizer(nn::decay_groups(prototypes), {.lr = 0.5});
  optimizer.step();
  CHECK(std::abs(lengths()[0] - 1) > 1e-3);
  prototypes.normalize_();
  for (float length : lengths()) CHECK(length == Approx(1).epsilon(1e-6));
  CHECK(prototypes.weight.value.requires_grad());
  Tensor scores = prototypes(z);
  CHECK(scores.shape() == Shape{5, 4});
  CHECK(relative_error(scores, cosine_similarity(reshape(z, {5, 1, 6}), reshape(prototypes.weight, {1, 4, 6}))) < 1e-6);
  CHECK(prototypes.str() == "Prototypes(in=6, count=4)");
}

TEST_CASE("DINO's head is built as in the paper", "[models]") {
  CHECK(models::dino_head(32, {.outputs = 100, .bottleneck = 16}).str() == R"(Sequential(
  (0): Linear(in=32, out=128, bias=false)
  (1): BatchNorm1d(128, eps=1e-05, momentum=0.1)
  (2): GELU()
  (3): Linear(in=128, out=128, bias=false)
  (4): BatchNorm1d(128, eps=1e-05, momentum=0.1)
  (5): GELU()
  (6): Linear(in=128, out=16)
  (7): CosineLinear(in=16, out=100)
))");
  CHECK(models::dino_head(8, {.outputs = 5, .hidden = 6, .bottleneck = 4, .batch_norm = false}).str() ==
        R"(Sequential(
  (0): Linear(in=8, out=6)
  (1): GELU()
  (2): Linear(in=6, out=6)
  (3): GELU()
  (4): Linear(in=6, out=4)
  (5): CosineLinear(in=4, out=5)
))");
  nn::Sequential head = models::dino_head(256, {.outputs = 5});
  for (const nn::NamedTensor& entry : head.named_parameters()) {
    INFO(entry.name);
    if (entry.name.ends_with("bias")) CHECK(max(abs(entry.value)).item() == 0);
    if (entry.name == "3.weight") CHECK(fovea::std(entry.value).item() == Approx(0.02).epsilon(0.01));
  }
  Tensor outputs = head(randn({64, 256}));
  CHECK(max(abs(outputs)).item() <= 1 + 1e-5);  // cosines
}

TEST_CASE("DINO's teacher starts as the student, and a frozen last layer gets no gradient", "[models]") {
  models::Dino model(small_backbone(), {.outputs = 6, .hidden = 12, .bottleneck = 4});
  std::vector<nn::NamedTensor> student = model.student.state(), teacher = model.teacher.state();
  REQUIRE(student.size() == teacher.size());
  for (size_t i = 0; i < student.size(); ++i) {
    CHECK(student[i].name == teacher[i].name);
    CHECK(student[i].value.to_vector<double>() == teacher[i].value.to_vector<double>());
    CHECK_FALSE(teacher[i].value.requires_grad());
  }
  const Tensor images = randn({4, 16, 16, 3});
  auto gradient = [&](const std::string& name) {
    model.zero_grad();
    sum(square(model.student(images))).backward();
    for (const nn::NamedTensor& entry : model.student.named_parameters())
      if (entry.name == name) return entry.value.grad().defined();
    throw Error("no parameter " + name);
  };
  model.freeze_last_layer(true);
  CHECK_FALSE(gradient("projector.7.weight"));
  CHECK(gradient("projector.6.weight"));
  model.freeze_last_layer(false);
  CHECK(gradient("projector.7.weight"));
}
