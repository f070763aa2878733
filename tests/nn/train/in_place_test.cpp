#include <fovea/nn/train/in_place.h>

#include "support/catch.h"

using namespace fovea;

namespace {

struct Remembers : nn::Module {
  nn::Param weight{Tensor::ones({2})};
  nn::Buffer none, kept{Tensor::zeros({2})}, replaced{Tensor::zeros({3})};
  void visit(nn::Visitor& v) override {
    v("weight", weight), v("none", none), v("kept", kept), v("replaced", replaced);
  }
  std::string describe() const override { return "Remembers"; }
};

struct Outer : nn::Module {
  Remembers inner;
  nn::Buffer own{Tensor::zeros({1})};
  void visit(nn::Visitor& v) override { v("inner", inner), v("own", own); }
  std::string describe() const override { return "Outer"; }
};

}  // namespace

TEST_CASE("replaced buffers move back into their memory with what is new", "[nn]") {
  Outer module;
  const Tensor memory = module.inner.replaced.value, own = module.own.value, kept = module.inner.kept.value;
  nn::BuffersInPlace buffers(module);
  for (int step = 1; step < 3; ++step) {
    module.inner.replaced.value = Tensor::full({3}, step);
    module.own.value = Tensor::full({1}, 10 * step);
    module.inner.kept.value.fill_(7);
    buffers.settle();
    CHECK(module.inner.replaced.value.shares_memory(memory));
    CHECK(memory.to_vector<float>() == std::vector<float>(3, float(step)));
    CHECK(own.to_vector<float>() == std::vector<float>{10.0f * float(step)});
    CHECK(module.inner.kept.value.shares_memory(kept));
  }
}
