#pragma once

#include <fovea/nn/module.h>

namespace fovea::losses {

struct DinoOptions {
  double student_temperature = 0.1;
  double centre_momentum = 0.9;
};

// DINO (Caron et al., 2021, arXiv:2104.14294): the student's output for one view predicts the teacher's, centred and
// sharpened, for another.
//
//   q = softmax((teacher - centre) / teacher_temperature)
//   loss = mean over global views t and all other views v of  mean_n H(q_tn, softmax(student_vn / student_temperature))
//   centre <- m centre + (1 - m) mean of the teacher's rows,  after the loss: update()
//
// The centre alone leads to uniform outputs, the low temperature alone to one-hot ones; together they keep both away.
// It is a buffer [K], f32 and 0 at first.
class Dino : public nn::Module {
 public:
  explicit Dino(int64_t outputs, const DinoOptions& options = {});
  // Logits of the student for all V views, [V N, K], and of the teacher for the first T of them, the global crops,
  // [T N, K], of one dtype: all images of the first view, then all of the second, ... T at least 1, V at least 2. No
  // gradient flows into the teacher's. A scalar, in f32 for bf16 logits; equal logits everywhere give log K. Neither
  // distribution is written, nor a scaled copy of the logits (distillation_cross_entropy).
  Tensor operator()(const Tensor& student, const Tensor& teacher, int64_t views,
                    double teacher_temperature = 0.04) const;
  // Moves the centre, in place, towards the mean [K] of the teacher's logits of a step, of all processes that train.
  void update(const Tensor& mean);
  void visit(nn::Visitor& v) override { v("centre", centre); }
  std::string describe() const override;

  nn::Buffer centre;

 private:
  DinoOptions options_;
};

}  // namespace fovea::losses
