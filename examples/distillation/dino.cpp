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
#include <fovea/models/methods/distillation/dino.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::DinoOptions options;
  const examples::Program program{
      .about = {.method = "dino",
                .title = "DINO",
                .paper = "Emerging Properties in Self-Supervised Vision Transformers (Caron et al., 2021)",
                .presets = {{"imagenette-table",
                             "--epochs 800 --batch 256 --lr 0.06 --weight-decay 5e-4 --decay-all "
                             "--teacher-momentum 0.99 --final-momentum 0.99 --frozen-last-layer 0"},
                            {"short",
                             "--views simclr --min-scale 0.4 --strength 2 --batch 64 --lr 0.1 --warmup 0.1 "
                             "--teacher-momentum 0.99 --frozen-last-layer 0"}}},
      .defaults = {.fit = {.lr = 0.03f, .weight_decay = 1e-4f}, .views = "dino"},
      .flags = {
          {"--teacher-momentum", "momentum m of the teacher at the start, m0: teacher = m teacher + (1 - m) student",
           &options.momentum, 0, 1},
          {"--final-momentum", "momentum m of the teacher at the end, m1, reached along half a cosine",
           &options.final_momentum, 0, 1},
          {"--teacher-temperature", "temperature t' of the teacher's softmax at the start",
           &options.teacher_temperature, 1e-3, 100},
          {"--final-temperature", "temperature t' of the teacher's softmax at the end of its linear change",
           &options.final_temperature, 1e-3, 100},
          {"--temperature-epochs",
           "number of epochs in which the teacher's temperature t' changes linearly from its start to its end",
           &options.temperature_epochs, 1, 1e6},
          {"--centre-momentum", "momentum m_c of the centre c: c = m_c c + (1 - m_c) mean of the teacher's outputs",
           &options.centre_momentum, 0, 1},
          {"--outputs", "number of outputs K of student and teacher: their softmax is a distribution over K classes",
           &options.outputs, 2, 1 << 20},
          {"--frozen-last-layer", "number of epochs at the start in which the student's last layer gets no gradient",
           &options.frozen_epochs, 0, 1e6}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::Dino(setup.backbone(), options, setup.generator());
  });
}
