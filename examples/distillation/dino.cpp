// DINO: a student predicts, from any crop, what its slowly following copy says of the global crops.
// Emerging Properties in Self-Supervised Vision Transformers (Caron et al., 2021), arXiv:2104.14294; its form for
// convolutional backbones.
//
//   bin/dino --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/dino --data cifar10:DIR --epochs 300 --out runs/cifar
//   bin/dino --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// Two global crops and six local ones of half their size. --micro-batch N with N the batch holds one crop at a time for
// the backward pass. docs/methods/dino.md has the recipe beside the paper's.
#include <cmath>

#include <fovea/losses/distillation/dino.h>
#include <fovea/models/methods/distillation/dino.h>
#include <fovea/models/parts/multi_crop.h>
#include <fovea/models/with_loss.h>
#include <fovea/nn/train/schedule.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "dino",
      .title = "DINO",
      .paper = "Emerging Properties in Self-Supervised Vision Transformers (Caron et al., 2021)",
      .presets = {{"imagenette-table",
                   "--epochs 800 --batch 256 --lr 0.06 --weight-decay 5e-4 --decay-all "
                   "--teacher-momentum 0.99 --final-momentum 0.99 --frozen-last-layer 0"},
                  {"short",
                   "--views simclr --min-scale 0.4 --strength 2 --batch 64 --lr 0.1 --warmup 0.1 "
                   "--teacher-momentum 0.99 --frozen-last-layer 0"}}};
  float momentum = 0.996f, last_momentum = 1, temperature = 0.04f, last_temperature = 0.04f, centre = 0.9f;
  int outputs = 2048, frozen = 1, warmup = 30;
  const std::vector<examples::Flag> flags = {
      {"--teacher-momentum", "share of the teacher that stays each step, at the start", &momentum, 0, 1},
      {"--final-momentum", "the same at the end, reached along half a cosine", &last_momentum, 0, 1},
      {"--teacher-temperature", "of the teacher's outputs, at the start", &temperature, 1e-3, 100},
      {"--final-temperature", "the same after --temperature-epochs", &last_temperature, 1e-3, 100},
      {"--temperature-epochs", "epochs over which the teacher's temperature changes", &warmup, 1, 1e6},
      {"--centre-momentum", "share of the centre that stays each step", &centre, 0, 1},
      {"--outputs", "dimensions of the distributions that are matched", &outputs, 2, 1 << 20},
      {"--frozen-last-layer", "epochs for which the last layer stays as it is", &frozen, 0, 1e6}};

  examples::Options defaults{.lr = 0.03f, .weight_decay = 1e-4f, .views = "dino"};
  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::WithLoss model(models::Dino(training.backbone(), {.outputs = outputs}),
                           losses::Dino(outputs, {.centre_momentum = centre}));
    training.teacher(model.teacher, "student.", [&](int64_t step, int64_t steps) {
      return nn::byol_momentum(step, steps, momentum, last_momentum);
    });
    training.fit(model, model.student.backbone, [&](const data::Batch& batch, examples::Run& run) {
      const int64_t n = batch.size(), views = batch.view_count();
      if (frozen > 0) model.freeze_last_layer(run.epoch() < frozen);
      double sharpness = temperature;
      if (temperature != last_temperature)
        sharpness = nn::linear_ramp(int64_t(run.epoch()), warmup, temperature, last_temperature);
      auto features = [&](const Tensor& x) { return run.features(model.student.backbone, x); };
      Tensor student = model.student.projector(models::multi_crop(features, batch.groups()));  // [V N, K]
      Tensor teacher = model.teacher(batch.group(0));  // [2N, K], of the global crops, without gradient
      run.watch(student.slice(0, n), student.slice(n, 2 * n));
      run.chance(std::log(double(outputs)));
      if (run.watching()) run.watch_assignments(softmax((teacher.to(Dtype::f32) - model.loss.centre) / sharpness));
      return model.loss(student, teacher, views, sharpness);
    });
  });
}
