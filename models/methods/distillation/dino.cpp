#include <fovea/models/methods/distillation/dino.h>

#include <cmath>

#include <fovea/models/parts/heads.h>
#include <fovea/models/parts/prototypes.h>
#include <fovea/nn/init.h>
#include <fovea/nn/train/schedule.h>

namespace fovea::models {

nn::Sequential dino_head(int64_t in, const DinoOptions& o, Generator& generator) {
  const int64_t hidden = o.hidden > 0 ? o.hidden : 4 * in;
  nn::Sequential head = make_head({{.in = in, .out = hidden, .batch_norm = o.batch_norm, .gelu = true},
                                   {.in = hidden, .out = hidden, .batch_norm = o.batch_norm, .gelu = true},
                                   {.in = hidden, .out = o.bottleneck}},
                                  generator);
  for (const nn::NamedTensor& entry : head.named_parameters()) {
    if (entry.value.rank() == 2) nn::trunc_normal_(entry.value, {.std = 0.02}, generator);
    if (entry.name.ends_with("bias")) nn::constant_(entry.value, 0);
  }
  head.append(CosineLinear({.in = o.bottleneck, .out = o.outputs}, generator));
  return head;
}

static Encoder dino_encoder(Backbone network, const DinoOptions& options, Generator& generator) {
  nn::Sequential head = dino_head(network.features(), options, generator);
  return Encoder(std::move(network), std::move(head));
}

Dino::Dino(Backbone network, const DinoOptions& o, Generator& generator)
    : options(o),
      student(dino_encoder(std::move(network), o, generator)),
      teacher(student),
      criterion(o.outputs, {.centre_momentum = o.centre_momentum}) {}

std::vector<Follows> Dino::teachers() {
  return {{&teacher, "student.", [this](const Position& at) {
             return nn::byol_momentum(at.step, at.steps, options.momentum, options.final_momentum);
           }}};
}

void Dino::freeze_last_layer(bool frozen) {
  nn::freeze(student.projector[student.projector.size() - 1].module(), frozen);
}

double Dino::teacher_temperature(const Step& step) const {
  const DinoOptions& o = options;
  if (o.teacher_temperature == o.final_temperature) return o.teacher_temperature;
  return nn::linear_ramp(int64_t(step.epoch()), o.temperature_epochs, o.teacher_temperature, o.final_temperature);
}

Tensor Dino::loss(const data::Batch& batch, Step& step) {
  const int64_t n = batch.size();
  if (options.frozen_epochs > 0) freeze_last_layer(step.epoch() < double(options.frozen_epochs));
  const double temperature = teacher_temperature(step);
  Tensor s = student.projector(step.features(student.backbone, batch.groups()));  // [V N, K], global crops first
  Tensor t = teacher(batch.group(0));  // [2N, K], of the global crops, without gradient
  step.watch(s.slice(0, n), s.slice(n, 2 * n));
  step.chance(std::log(double(options.outputs)));
  Tensor loss = criterion(s, t, batch.view_count(), temperature);
  t = t.to(Dtype::f32);
  if (step.watching()) step.watch_assignments(softmax((t - criterion.centre) / temperature));
  criterion.update(step.sum_ranks(mean(t, {0})) / double(step.world()));
  return loss;
}

}  // namespace fovea::models
