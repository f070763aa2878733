#pragma once

#include <string>
#include <vector>

#include <fovea/kernels/optim.h>
#include <fovea/nn/module.h>

namespace fovea::nn {

// Parameters that are treated alike.
struct ParamGroup {
  std::vector<NamedTensor> params;
  double weight_decay = 0;
  bool adapt = true;  // LARS alone: scale this group's steps by the trust ratio
};

struct DecayOptions {
  double weight_decay = 0;
  bool norms_and_biases = false;  // true: one group, everything decays
};
// The module's trainable parameters in two groups: weights, which decay, and tensors of rank 0 and 1 (biases, norms),
// which neither decay nor adapt. Frozen parameters belong to no group.
std::vector<ParamGroup> decay_groups(Module& module, const DecayOptions& options = {});

// Changes parameters by their gradients, one pass over all of a group's tensors. Parameters are f32; those without a
// gradient are passed over. Holds handles: loading weights into the module, or freezing it, needs nothing here.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // In a step that is recorded as a graph (core/cuda_graph.h) it is a step of each replay, with the learning rate and
  // the teacher's momentum of then. Take one before that.
  void step();
  // From now on step() also moves the teacher, in the same pass over the memory and as ema_update() does: each of its
  // parameters follows the one whose name is `prefix` and its own. Throws Error if there is none or its shape differs.
  // What no optimiser group holds (a frozen parameter) can't be followed. Until set_teacher_momentum() it stands still.
  void set_teacher(Module& teacher, const std::string& prefix = "");
  void set_teacher_momentum(double momentum);
  void zero_grad();  // gradients become undefined, as PyTorch's set_to_none does
  double lr() const { return lr_; }
  void set_lr(double lr) { lr_ = lr; }
  int64_t steps() const { return int64_t(steps_.item()); }
  const std::vector<ParamGroup>& groups() const { return groups_; }
  // What a checkpoint must hold for later steps to be the same to the bit: "steps", and "<parameter>.<buffer>" for each
  // buffer. Handles: writing through them restores. The learning rate is not state: set_lr() before each step, or the
  // constructor, gives it.
  std::vector<NamedTensor> state();
  virtual std::string name() const = 0;

 protected:
  // Throws Error for a name that appears twice, a parameter that is no f32 or an undefined one.
  Optimizer(std::vector<ParamGroup> groups, double lr, std::vector<std::string> buffers);
  // One group's arrays that have gradients, all on one device; `scheduled` as in kernels/optim.h.
  virtual void update(Device device, const ParamGroup& group, const std::vector<kernels::OptimArray<float>>& arrays,
                      const kernels::Scheduled* scheduled) = 0;
  virtual kernels::Scheduled scheduled(const ParamGroup& group) const = 0;
  double teacher_momentum() const { return teacher_momentum_; }

 private:
  struct Slot {
    Tensor param;
    std::vector<Tensor> buffers;
    Tensor teacher;
  };
  bool captured() const;  // this step is being recorded, not done
  void reserve_scheduled();
  void put_scheduled();
  kernels::Scheduled* scheduled_memory(size_t g);
  void run_group(size_t g, const kernels::Scheduled* scheduled);
  std::vector<ParamGroup> groups_;
  std::vector<std::string> buffer_names_;
  std::vector<std::vector<Slot>> slots_;  // one list a group
  std::vector<Tensor> scheduled_;         // of recorded steps, one a group on a device
  Tensor steps_;                          // i64, rank 0
  double lr_, teacher_momentum_ = 1;
};

struct SgdOptions {
  double lr = 0.1, momentum = 0;
  bool nesterov = false;
};
// PyTorch's SGD: u = g + weight_decay w; v = momentum v + u; w -= lr v (nesterov: lr (u + momentum v)).
class Sgd : public Optimizer {
 public:
  explicit Sgd(std::vector<ParamGroup> groups, const SgdOptions& options = {});
  std::string name() const override { return "Sgd"; }

 private:
  void update(Device, const ParamGroup&, const std::vector<kernels::OptimArray<float>>&,
              const kernels::Scheduled*) override;
  kernels::Scheduled scheduled(const ParamGroup& group) const override { return kernels::scheduled(step_of(group)); }
  kernels::SgdStep step_of(const ParamGroup& group) const;
  SgdOptions options_;
};

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
};
// Kingma and Ba, 2015. Weight decay is added to the gradient. Its steps are counted for all parameters together: to one
// that has a gradient only from step k on (frozen till then), the corrections of the moments are those of step k, as if
// its gradients had been 0 before; PyTorch counts for each parameter.
class Adam : public Optimizer {
 public:
  explicit Adam(std::vector<ParamGroup> groups, const AdamOptions& options = {});
  std::string name() const override { return "Adam"; }

 protected:
  Adam(std::vector<ParamGroup> groups, const AdamOptions& options, bool decoupled);

 private:
  void update(Device, const ParamGroup&, const std::vector<kernels::OptimArray<float>>&,
              const kernels::Scheduled*) override;
  kernels::Scheduled scheduled(const ParamGroup& group) const override { return kernels::scheduled(step_of(group)); }
  kernels::AdamStep step_of(const ParamGroup& group) const;
  AdamOptions options_;
  bool decoupled_ = false;
};

// Loshchilov and Hutter, 2019: Adam whose weight decay shrinks the weights by 1 - lr weight_decay instead.
class AdamW : public Adam {
 public:
  explicit AdamW(std::vector<ParamGroup> groups, const AdamOptions& options = {})
      : Adam(std::move(groups), options, true) {}
  std::string name() const override { return "AdamW"; }
};

using kernels::LarsForm;

struct LarsOptions {
  double lr = 0.1, momentum = 0.9, eta = 1e-3;
  LarsForm form = LarsForm::paper;
  double eps = 1e-8;  // LarsForm::lightly alone
};
// You et al., 2017: SGD with momentum whose step for each tensor is scaled by a trust ratio. LarsForm::paper is the
// formula of Barlow Twins, VICReg, MoCo v3 and BYOL, LarsForm::lightly that of lightly and pl_bolts; kernels/optim.h
// writes them out.
class Lars : public Optimizer {
 public:
  explicit Lars(std::vector<ParamGroup> groups, const LarsOptions& options = {});
  std::string name() const override { return "Lars"; }

 private:
  void update(Device, const ParamGroup&, const std::vector<kernels::OptimArray<float>>&,
              const kernels::Scheduled*) override;
  kernels::Scheduled scheduled(const ParamGroup& group) const override { return kernels::scheduled(step_of(group)); }
  kernels::LarsStep step_of(const ParamGroup& group) const;
  LarsOptions options_;
};

// Scales all gradients by max_norm / (norm + 1e-6) when that is below 1, as PyTorch's clip_grad_norm_. Returns the norm
// of all gradients together before that, f32 of rank 0 on their device: NaN or infinity (nothing is scaled then) tells
// that a gradient is not finite. The host waits for nothing; item() does.
Tensor clip_grad_norm(const std::vector<Tensor>& params, double max_norm);

}  // namespace fovea::nn
