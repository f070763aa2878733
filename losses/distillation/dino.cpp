#include <fovea/losses/distillation/dino.h>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>

namespace fovea::losses {

Dino::Dino(int64_t outputs, const DinoOptions& options) : centre(Tensor::zeros({outputs})), options_(options) {
  check(options.student_temperature > 0 && options.centre_momentum >= 0 && options.centre_momentum <= 1,
        "Dino: want a student temperature above 0 and a centre momentum in [0, 1], got {} and {}",
        options.student_temperature, options.centre_momentum);
}

Tensor Dino::operator()(const Tensor& student, const Tensor& teacher, int64_t views, double teacher_temperature) const {
  check(teacher.rank() == 2 && teacher.size(0) > 0 && teacher.size(1) == centre.value.size(0),
        "Dino: want the teacher's logits [T N, {}], got {}", centre.value.size(0), teacher.shape());
  check(teacher_temperature > 0, "Dino: want a teacher temperature above 0, got {}", teacher_temperature);
  check(views >= 2, "Dino: want at least two views, got {}", views);
  return distillation_cross_entropy(student, teacher,
                                    centre.value.to(student.dtype() == Dtype::f64 ? Dtype::f64 : Dtype::f32),
                                    {.student_temperature = options_.student_temperature,
                                     .teacher_temperature = teacher_temperature,
                                     .views = views});
}

void Dino::update(const Tensor& mean) {
  check(mean.shape() == centre.value.shape(), "Dino: want the mean {} of the teacher's logits, got {}",
        centre.value.shape(), mean.shape());
  NoGrad no_grad;
  mul_(centre.value, options_.centre_momentum);
  add_(centre.value, mean.to(centre.value.dtype()), 1 - options_.centre_momentum);
}

std::string Dino::describe() const {
  return fmt::format("Dino(outputs={}, student_temperature={}, centre_momentum={})", centre.value.size(0),
                     options_.student_temperature, options_.centre_momentum);
}

}  // namespace fovea::losses
