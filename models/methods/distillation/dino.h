#pragma once

#include <fovea/losses/distillation/dino.h>
#include <fovea/models/methods/method.h>
#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

struct DinoOptions {
  int64_t outputs = 2048;    // K, number of outputs: the classes of the distributions that are matched
  int64_t hidden = 0;        // units of the head's two hidden layers; 0: four times the features, 2048 for a ResNet-18
  int64_t bottleneck = 256;  // units before the head's last layer
  bool batch_norm = true;    // after the hidden layers: for convolutional backbones
  float momentum = 0.996f, final_momentum = 1;  // m of the teacher at the start and, along half a cosine, at the end
  float teacher_temperature = 0.04f;            // t' of the teacher's softmax at the start
  float final_temperature = 0.04f;              // t' after temperature_epochs, reached in a straight line
  int64_t temperature_epochs = 30;              // epochs over which t' changes
  float centre_momentum =
      0.9f;  // of the centre: c = centre_momentum c + (1 - centre_momentum) mean of the teacher's outputs
  int64_t frozen_epochs = 1;  // epochs at the start in which the head's last layer gets no gradient
};

// DINO's head: three Linears with GELU (and batch norm) between them, then cosines with as many directions as there are
// outputs. The Linears start with normal weights of standard deviation 0.02 and biases of 0.
nn::Sequential dino_head(int64_t in, const DinoOptions& options = {}, Generator& generator = default_generator());

// DINO (Caron et al., 2021, arXiv:2104.14294): the student predicts, from any crop of an image, the distribution that
// its slowly following copy, the teacher, gives a global crop.
//
//   q_t = softmax((teacher(x_t) - c) / t'),   p_v = softmax(student(x_v) / 0.1)
//   loss = mean over global crops t and all other crops v of  H(q_t, p_v)
//   c <- centre_momentum c + (1 - centre_momentum) mean of the teacher's rows      after the loss
//   teacher = m teacher + (1 - m) student                                          after the step
//
// A batch has the global crops as its first group. c is part of the state, as "loss.centre".
struct Dino : Method {
  explicit Dino(Backbone network, const DinoOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &student.backbone; }
  std::vector<Follows> teachers() override;
  // While frozen, the student's last layer gets no gradient and stands still.
  void freeze_last_layer(bool frozen);
  void visit(nn::Visitor& v) override { v("student", student), v("teacher", teacher), v("loss", criterion); }
  std::string describe() const override { return "Dino"; }

  DinoOptions options;
  Encoder student;
  Teacher<Encoder> teacher;
  losses::Dino criterion;

 private:
  double teacher_temperature(const Step& step) const;
};

}  // namespace fovea::models
