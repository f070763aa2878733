#include <fovea/nn/train/in_place.h>

namespace fovea::nn {

namespace {

struct Settle : Visitor {
  const std::vector<Tensor>& memory;
  size_t next = 0;

  explicit Settle(const std::vector<Tensor>& tensors) : memory(tensors) {}
  void operator()(std::string_view, Param&) override {}
  void operator()(std::string_view, Buffer& b) override {
    if (!b.value.defined()) return;
    const Tensor& old = memory.at(next++);
    if (b.value.shares_memory(old)) return;
    Tensor(old).copy_(b.value);
    b.value = old;
  }
  void operator()(std::string_view, Module& m) override { m.visit(*this); }
};

}  // namespace

BuffersInPlace::BuffersInPlace(Module& module) : module_(module) {
  for (const NamedTensor& entry : module.state())
    if (!entry.is_param) memory_.push_back(entry.value);
}

void BuffersInPlace::settle() {
  NoGrad no_grad;
  Settle settle(memory_);
  module_.visit(settle);
}

}  // namespace fovea::nn
