#include <fovea/nn/ema.h>

#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/kernels/ema.h>

namespace fovea::nn {

void ema_update(Module& teacher, Module& student, double momentum) {
  check(momentum >= 0 && momentum <= 1, "ema_update: want a momentum in [0, 1], got {}", momentum);
  std::vector<NamedTensor> to = teacher.named_parameters(), from = student.named_parameters();
  check(to.size() == from.size(), "ema_update: the teacher has {} parameters, the student {}", to.size(), from.size());
  if (to.empty()) return;
  std::vector<kernels::EmaArray<float>> arrays;
  Device device = to[0].value.device();
  for (size_t i = 0; i < to.size(); ++i) {
    Tensor &t = to[i].value, &s = from[i].value;
    check(to[i].name == from[i].name && t.shape() == s.shape(),
          "ema_update: the teacher's {} {} stands where the student has {} {}", to[i].name, t.shape(), from[i].name,
          s.shape());
    check(t.device() == device && s.device() == device,
          "ema_update: want teacher and student on {}, got {} on {} and {}", device, to[i].name, t.device(),
          s.device());
    arrays.push_back({.size = t.numel(), .teacher = t.data<float>(), .student = s.data<float>()});
  }
  dispatch(device, [&](auto& ctx) { kernels::ema(ctx, arrays.data(), int64_t(arrays.size()), momentum); });
}

}  // namespace fovea::nn
