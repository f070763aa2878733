#pragma once

#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

struct DinoOptions {
  int64_t outputs = 2048;
  int64_t hidden = 0;  // units of the two hidden layers; 0: four times the features, 2048 for a ResNet-18
  int64_t bottleneck = 256;
  bool batch_norm = true;  // after the hidden layers: for convolutional backbones
};

// DINO's head (Caron et al., 2021): three Linears with GELU (and batch norm) between them, then cosines with as many
// directions as there are outputs. The Linears start with normal weights of standard deviation 0.02 and biases of 0.
nn::Sequential dino_head(int64_t in, const DinoOptions& options = {}, Generator& generator = default_generator());

// DINO (Caron et al., 2021, arXiv:2104.14294): the student learns, from any crop, what its slowly following copy says
// of the global crops. Train on losses::Dino of student.projector(h), h the backbone's features of all crops
// (multi_crop.h), and teacher(global crops); let the teacher follow "student.".
struct Dino : nn::Module {
  Encoder student;
  Teacher<Encoder> teacher;

  explicit Dino(Backbone network, const DinoOptions& options = {}, Generator& generator = default_generator());
  // While frozen, the student's last layer gets no gradient and stands still.
  void freeze_last_layer(bool frozen);
  void visit(nn::Visitor& v) override { v("student", student), v("teacher", teacher); }
  std::string describe() const override { return "Dino"; }
};

}  // namespace fovea::models
