#include "support/method_rows.h"

#include <fovea/models/backbones/resnet.h>
#include <fovea/nn/io/torch_state.h>

namespace fovea::testing {

std::vector<MethodCase> contrastive_methods();
std::vector<MethodCase> decorrelation_methods();
std::vector<MethodCase> linalg_methods();
std::vector<MethodCase> multi_crop_methods();
std::vector<MethodCase> queues_methods();
std::vector<MethodCase> siamese_methods();

const std::vector<MethodCase>& method_cases() {
  static const std::vector<MethodCase> cases = [] {
    std::vector<MethodCase> all;
    for (auto family : {contrastive_methods, linalg_methods, multi_crop_methods, queues_methods, siamese_methods,
                        decorrelation_methods})
      for (MethodCase& row : family()) all.push_back(std::move(row));
    return all;
  }();
  return cases;
}

models::Backbone tiny_backbone() {
  return models::ResNet(models::ResNetBlock::basic, {1, 1, 1, 1}, {.width = 2, .cifar_stem = true});
}

namespace {

Method started(const MethodCase& row, const Fixture& torch, Device device) {
  manual_seed(1);
  Method method = row.make();
  nn::load_torch_state(*method.model, torch.part("state"));
  method.model->to(device);
  return method;
}

// Entry `number` of the first dimension.
Tensor entry(const Tensor& t, int64_t number) {
  Shape shape = t.shape();
  shape.erase(0);
  return t.slice(number, number + 1).reshape(shape);
}

data::Batch batch_of(const Fixture& torch, int64_t number, Device device) {
  data::Batch batch;
  batch.labels = entry(torch["labels"], number).to(device);
  batch.index = entry(torch["index"], number).to(device);
  if (torch.has("places")) batch.places = entry(torch["places"], number).to(device);
  for (const auto& [name, images] : torch.part("group")) {
    batch.groups.push_back(((entry(images, number).to(Dtype::f32) / 255 - 0.5) / 0.25).to(device));
    for (int64_t at = 0; at < batch.groups.back().size(0); at += batch.size())
      batch.views.push_back(batch.groups.back().slice(at, at + batch.size()));
  }
  return batch;
}

}  // namespace

MethodRun::MethodRun(const MethodCase& row, Device device)
    : method(started(row, Fixture(row.name + "_steps"), device)),
      optimizer(nn::decay_groups(*method.model, {.weight_decay = 5e-4}), {.lr = row.lr, .momentum = 0.9}),
      torch_(row.name + "_steps"),
      device_(device) {
  if (!method.teacher) return;
  optimizer.set_teacher(*method.teacher, method.student);
  optimizer.set_teacher_momentum(method.momentum);
}

double MethodRun::step() {
  optimizer.zero_grad();
  method.model->train();
  Tensor loss = method.loss(batch_of(torch_, steps % 2, device_), steps);
  loss.backward();
  optimizer.step();
  ++steps;
  return loss.item();
}

}  // namespace fovea::testing
