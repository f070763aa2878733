#include "support/method_rows.h"

#include <algorithm>

#include <fovea/models/backbones/resnet.h>
#include <fovea/nn/io/torch_state.h>

namespace fovea::testing {

static std::vector<MethodRow>& rows() {
  static std::vector<MethodRow> all;
  return all;
}

AddMethodRow::AddMethodRow(MethodRow row) {
  auto after = std::find_if(rows().begin(), rows().end(), [&](const MethodRow& r) { return r.name > row.name; });
  rows().insert(after, std::move(row));
}

const std::vector<MethodRow>& method_rows() {
  return rows();
}

models::Backbone tiny_backbone() {
  return models::ResNet(models::ResNetBlock::basic, {1, 1, 1, 1}, {.width = 2, .cifar_stem = true});
}

namespace {

std::unique_ptr<models::Method> started(const MethodRow& row, const Fixture& torch, Device device) {
  manual_seed(1);
  std::unique_ptr<models::Method> method = row.make();
  nn::load_torch_state(*method, torch.part("state"));
  method->to(device);
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
  batch.index = entry(torch["index"], number);
  for (const char* name : {"labels", "places"})
    if (torch.has(name)) batch.set(name, entry(torch[name], number));
  for (const auto& [name, values] : torch.part("batch")) batch.set(name, entry(values, number));  // any other field
  for (const auto& [name, images] : torch.part("group"))
    batch.set("views." + name, (entry(images, number).to(Dtype::f32) / 255 - 0.5) / 0.25);
  return batch.map([&](const Tensor& t) { return t.to(device); });
}

}  // namespace

MethodRun::MethodRun(const MethodRow& row, Device device)
    : method(started(row, Fixture(row.name + "_steps"), device)),
      row_(row),
      torch_(row.name + "_steps"),
      options_{.optimizer = "sgd", .weight_decay = 5e-4f, .device = device},
      trainer_(*method, options_, "") {}

double MethodRun::step() {
  constexpr int64_t kLong = int64_t(1) << 40;  // momenta that rise over a run stay where they start
  const models::Position at{steps, kLong, 0};
  if (row_.before) row_.before(*method, steps);
  models::Step step({.position = at, .logging = true, .ranks = ranks});
  trainer_.take(batch_of(torch_, steps++ % 2, options_.device), step, at, row_.lr);
  return trainer_.loss();
}

}  // namespace fovea::testing
