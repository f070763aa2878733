#include <fovea/nn/train/optim.h>

#include <map>
#include <set>

#include <fovea/core/check.h>
#include <fovea/core/cuda_graph.h>
#include <fovea/core/dispatch.h>
#include <fovea/kernels/copy.h>
#include <fovea/kernels/ema.h>

namespace fovea::nn {

namespace {

using Arrays = std::vector<kernels::OptimArray<float>>;

void check_gradient(const char* who, const std::string& name, const Tensor& param, const Tensor& grad) {
  check(grad.dtype() == Dtype::f32 && grad.device() == param.device(),
        "{}: want the gradient of {} as f32 on {}, got {} on {}", who, name, param.device(), name_of(grad.dtype()),
        grad.device());
}

}  // namespace

std::vector<ParamGroup> decay_groups(Module& module, const DecayOptions& options) {
  ParamGroup decayed{.params = {}, .weight_decay = options.weight_decay},
      plain{.params = {}, .weight_decay = 0, .adapt = false};
  for (NamedTensor& t : module.named_parameters()) {
    if (!t.value.requires_grad()) continue;
    ParamGroup& group = options.norms_and_biases || t.value.rank() > 1 ? decayed : plain;
    group.params.push_back(std::move(t));
  }
  std::vector<ParamGroup> groups{std::move(decayed), std::move(plain)};
  std::erase_if(groups, [](const ParamGroup& group) { return group.params.empty(); });
  return groups;
}

Optimizer::Optimizer(std::vector<ParamGroup> groups, double lr, std::vector<std::string> buffers)
    : groups_(std::move(groups)), buffer_names_(std::move(buffers)), steps_(Tensor::zeros({}, Dtype::i64)), lr_(lr) {
  std::set<std::string> names;
  for (const ParamGroup& group : groups_) {
    std::vector<Slot>& slots = slots_.emplace_back();
    for (const NamedTensor& t : group.params) {
      check(names.insert(t.name).second, "optimizer: two parameters have the name {}", t.name);
      check(t.value.defined() && t.value.dtype() == Dtype::f32, "optimizer: want {} as a f32 tensor, got {}", t.name,
            t.value.defined() ? name_of(t.value.dtype()) : "an undefined one");
      Slot& slot = slots.emplace_back(Slot{t.value, {}, {}});
      for (size_t i = 0; i < buffer_names_.size(); ++i) slot.buffers.push_back(Tensor::zeros_like(t.value));
    }
  }
}

void Optimizer::step() {
  NoGrad no_grad;
  const bool recorded = captured();
  if (!recorded) {
    increment_(steps_);
    reserve_scheduled();
  } else if constexpr (kHasCuda) {
    before_each_replay([this] {
      increment_(steps_);
      put_scheduled();
    });
  }
  for (size_t g = 0; g < groups_.size(); ++g) run_group(g, recorded ? scheduled_memory(g) : nullptr);
}

bool Optimizer::captured() const {
  for (const auto& slots : slots_)
    if (!slots.empty()) return capturing(slots[0].param.device());
  return false;
}

void Optimizer::reserve_scheduled() {
  scheduled_.resize(groups_.size());
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Device device = slots_[g].empty() ? Device() : slots_[g][0].param.device();
    if (device.is_cuda() && (!scheduled_[g].defined() || scheduled_[g].device() != device))
      scheduled_[g] = Tensor::empty({int64_t(sizeof(kernels::Scheduled))}, Dtype::u8, device);
  }
}

kernels::Scheduled* Optimizer::scheduled_memory(size_t g) {
  check(g < scheduled_.size() && scheduled_[g].defined(), "optimizer: want a step before one that is captured");
  return reinterpret_cast<kernels::Scheduled*>(scheduled_[g].data<uint8_t>());
}

void Optimizer::put_scheduled() {
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (slots_[g].empty()) continue;
    const kernels::Scheduled values = scheduled(groups_[g]);
    kernels::Scheduled* memory = scheduled_memory(g);
    dispatch(scheduled_[g].device(), [&]<class Context>(Context& ctx) {
      if constexpr (std::is_same_v<Context, kernels::Cuda>) kernels::put(ctx, &values, memory, sizeof(values));
    });
  }
}

void Optimizer::run_group(size_t g, const kernels::Scheduled* scheduled) {
  Arrays arrays;
  std::vector<kernels::EmaArray<float>> followers;  // of parameters without a gradient
  Device device;
  for (size_t i = 0; i < slots_[g].size(); ++i) {
    Slot& slot = slots_[g][i];
    const std::string& name = groups_[g].params[i].name;
    Tensor grad = slot.param.grad();
    float* teacher = slot.teacher.defined() ? slot.teacher.data<float>() : nullptr;
    if (!grad.defined() && !teacher) continue;
    check((arrays.empty() && followers.empty()) || slot.param.device() == device,
          "optimizer: want one device for a group, got {} for {} beside {}", slot.param.device(), name, device);
    device = slot.param.device();
    if (teacher)
      check(slot.teacher.device() == device, "optimizer: want {} and its teacher on one device, got {} and {}", name,
            device, slot.teacher.device());
    if (!grad.defined()) {
      followers.push_back({.size = slot.param.numel(), .teacher = teacher, .student = slot.param.data<float>()});
      continue;
    }
    check_gradient("optimizer", name, slot.param, grad);
    for (Tensor& buffer : slot.buffers) buffer.move_(device);
    auto buffer = [&](size_t at) { return at < slot.buffers.size() ? slot.buffers[at].data<float>() : nullptr; };
    arrays.push_back({.size = slot.param.numel(),
                      .weight = slot.param.data<float>(),
                      .gradient = grad.data<float>(),
                      .first = buffer(0),
                      .second = buffer(1),
                      .teacher = teacher});
  }
  if (!arrays.empty()) update(device, groups_[g], arrays, scheduled);
  if (followers.empty()) return;
  dispatch(device, [&]<class Context>(Context& ctx) {
    if constexpr (std::is_same_v<Context, kernels::Cuda>)
      if (scheduled) return kernels::ema(ctx, followers.data(), int64_t(followers.size()), &scheduled->teacher);
    kernels::ema(ctx, followers.data(), int64_t(followers.size()), teacher_momentum_);
  });
}

void Optimizer::set_teacher(Module& teacher, const std::string& prefix) {
  std::map<std::string, Slot*> by_name;
  for (size_t g = 0; g < groups_.size(); ++g)
    for (size_t i = 0; i < slots_[g].size(); ++i) by_name[groups_[g].params[i].name] = &slots_[g][i];
  for (NamedTensor& t : teacher.named_parameters()) {
    auto found = by_name.find(prefix + t.name);
    check(found != by_name.end(), "optimizer: the teacher's {} has no parameter {} to follow", t.name, prefix + t.name);
    Slot& slot = *found->second;
    check(t.value.shape() == slot.param.shape() && t.value.dtype() == Dtype::f32,
          "optimizer: want the teacher's {} as f32 {}, got {} {}", t.name, slot.param.shape(), name_of(t.value.dtype()),
          t.value.shape());
    slot.teacher = t.value;
  }
}

void Optimizer::set_teacher_momentum(double momentum) {
  check(momentum >= 0 && momentum <= 1, "optimizer: want a teacher's momentum in [0, 1], got {}", momentum);
  teacher_momentum_ = momentum;
}

void Optimizer::zero_grad() {
  for (auto& slots : slots_)
    for (Slot& slot : slots) slot.param.zero_grad();
}

std::vector<NamedTensor> Optimizer::state() {
  std::vector<NamedTensor> out{{"steps", steps_, false}};
  for (size_t g = 0; g < groups_.size(); ++g)
    for (size_t i = 0; i < slots_[g].size(); ++i)
      for (size_t b = 0; b < buffer_names_.size(); ++b)
        out.push_back({groups_[g].params[i].name + "." + buffer_names_[b], slots_[g][i].buffers[b], false});
  return out;
}

Sgd::Sgd(std::vector<ParamGroup> groups, const SgdOptions& options)
    : Optimizer(std::move(groups), options.lr,
                options.momentum != 0 ? std::vector<std::string>{"momentum"} : std::vector<std::string>{}),
      options_(options) {
  check(!options.nesterov || options.momentum > 0, "Sgd: want a momentum above 0 with nesterov, got {}",
        options.momentum);
}

kernels::SgdStep Sgd::step_of(const ParamGroup& group) const {
  return {.lr = lr(),
          .momentum = options_.momentum,
          .weight_decay = group.weight_decay,
          .nesterov = options_.nesterov,
          .teacher_momentum = teacher_momentum()};
}

void Sgd::update(Device device, const ParamGroup& group, const Arrays& arrays, const kernels::Scheduled* scheduled) {
  kernels::SgdStep step = step_of(group);
  step.scheduled = scheduled;
  dispatch(device, [&](auto& ctx) { kernels::sgd(ctx, arrays.data(), int64_t(arrays.size()), step); });
}

Adam::Adam(std::vector<ParamGroup> groups, const AdamOptions& options, bool decoupled)
    : Optimizer(std::move(groups), options.lr, {"first_moment", "second_moment"}),
      options_(options),
      decoupled_(decoupled) {}

Adam::Adam(std::vector<ParamGroup> groups, const AdamOptions& options) : Adam(std::move(groups), options, false) {}

kernels::AdamStep Adam::step_of(const ParamGroup& group) const {
  return {.lr = lr(),
          .beta1 = options_.beta1,
          .beta2 = options_.beta2,
          .eps = options_.eps,
          .weight_decay = group.weight_decay,
          .decoupled = decoupled_,
          .t = steps(),
          .teacher_momentum = teacher_momentum()};
}

void Adam::update(Device device, const ParamGroup& group, const Arrays& arrays, const kernels::Scheduled* scheduled) {
  kernels::AdamStep step = step_of(group);
  step.scheduled = scheduled;
  dispatch(device, [&](auto& ctx) { kernels::adam(ctx, arrays.data(), int64_t(arrays.size()), step); });
}

Lars::Lars(std::vector<ParamGroup> groups, const LarsOptions& options)
    : Optimizer(std::move(groups), options.lr, {"momentum"}), options_(options) {}

kernels::LarsStep Lars::step_of(const ParamGroup& group) const {
  return {.lr = lr(),
          .momentum = options_.momentum,
          .weight_decay = group.weight_decay,
          .eta = options_.eta,
          .eps = options_.eps,
          .form = options_.form,
          .adapt = group.adapt,
          .teacher_momentum = teacher_momentum()};
}

void Lars::update(Device device, const ParamGroup& group, const Arrays& arrays, const kernels::Scheduled* scheduled) {
  kernels::LarsStep step = step_of(group);
  step.scheduled = scheduled;
  dispatch(device, [&](auto& ctx) { kernels::lars(ctx, arrays.data(), int64_t(arrays.size()), step); });
}

Tensor clip_grad_norm(const std::vector<Tensor>& params, double max_norm) {
  check(max_norm > 0, "clip_grad_norm: want a norm above 0, got {}", max_norm);
  Arrays arrays;
  std::vector<kernels::ScaleArray<float>> scaled;
  Device device;
  for (const Tensor& param : params) {
    Tensor grad = param.grad();
    if (!grad.defined()) continue;
    check_gradient("clip_grad_norm", "a parameter", param, grad);
    check(arrays.empty() || param.device() == device, "clip_grad_norm: want parameters of one device, got {} and {}",
          device, param.device());
    device = param.device();
    arrays.push_back({.size = grad.numel(), .gradient = grad.data<float>()});
    scaled.push_back({.size = grad.numel(), .values = grad.data<float>()});
  }
  Tensor norm = Tensor::empty({}, Dtype::f32, device);
  Tensor memory = Tensor::empty({int64_t(sizeof(double))}, Dtype::u8, device);
  auto* squares = reinterpret_cast<double*>(memory.data<uint8_t>());
  dispatch(device, [&](auto& ctx) {
    kernels::squared_norm(ctx, arrays.data(), int64_t(arrays.size()), squares);
    kernels::clip_arrays(ctx, scaled.data(), int64_t(scaled.size()), squares, max_norm, norm.data<float>());
  });
  return norm;
}

}  // namespace fovea::nn
