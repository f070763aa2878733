#include <fovea/nn/train/ema.h>

#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/kernels/ema.h>

namespace fovea::nn {

using Arrays = std::vector<kernels::EmaArray<float>>;

// f(arrays, their device), unless there are none.
template <class F>
static void with_pairs(Module& teacher, Module& student, const F& f) {
  std::vector<NamedTensor> to = teacher.named_parameters(), from = student.named_parameters();
  check(to.size() == from.size(), "ema_update: the teacher has {} parameters, the student {}", to.size(), from.size());
  if (to.empty()) return;
  Arrays arrays;
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
  f(arrays, device);
}

void ema_update(Module& teacher, Module& student, double momentum) {
  check(momentum >= 0 && momentum <= 1, "ema_update: want a momentum in [0, 1], got {}", momentum);
  with_pairs(teacher, student, [&](const Arrays& arrays, Device device) {
    dispatch(device, [&](auto& ctx) { kernels::ema(ctx, arrays.data(), int64_t(arrays.size()), momentum); });
  });
}

void ema_update(Module& teacher, Module& student, const Tensor& momentum) {
  check(momentum.dtype() == Dtype::f32 && momentum.numel() == 1, "ema_update: want one f32 momentum, got {} {}",
        name_of(momentum.dtype()), momentum.shape());
  with_pairs(teacher, student, [&](const Arrays& arrays, Device device) {
    check(momentum.device() == device, "ema_update: want the momentum on {}, got {}", device, momentum.device());
    dispatch(device, [&]<class Context>(Context& ctx) {
      if constexpr (std::is_same_v<Context, kernels::Cuda>)
        kernels::ema(ctx, arrays.data(), int64_t(arrays.size()), momentum.data<float>());
      else
        kernels::ema(ctx, arrays.data(), int64_t(arrays.size()), double(*momentum.data<float>()));
    });
  });
}

}  // namespace fovea::nn
