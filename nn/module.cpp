#include <fovea/nn/module.h>

#include <functional>

namespace fovea::nn {

namespace {

// Adapts callbacks to Visitor and walks the whole tree with dotted paths.
struct Walk : Visitor {
  std::function<void(const std::string&, Tensor&, bool)> tensor = [](auto&, auto&, bool) {};
  std::function<void(const std::string&, Module&)> enter = [](auto&, auto&) {};
  std::function<void()> leave = [] {};
  std::string path;

  std::string at(std::string_view name) const {
    return path.empty() ? std::string(name) : path + "." + std::string(name);
  }
  void operator()(std::string_view name, Param& p) override {
    if (p.value.defined()) tensor(at(name), p.value, true);
  }
  void operator()(std::string_view name, Buffer& b) override {
    if (b.value.defined()) tensor(at(name), b.value, false);
  }
  void operator()(std::string_view name, Module& m) override {
    std::string outer = std::exchange(path, at(name));
    enter(std::string(name), m);
    m.visit(*this);
    leave();
    path = outer;
  }
};

struct CountChildren : Visitor {
  int children = 0;
  void operator()(std::string_view, Param&) override {}
  void operator()(std::string_view, Buffer&) override {}
  void operator()(std::string_view, Module&) override { ++children; }
};

bool has_children(Module& m) {
  CountChildren count;
  m.visit(count);
  return count.children > 0;
}

void for_each_tensor(Module& module, std::function<void(const std::string&, Tensor&, bool)> f) {
  Walk walk;
  walk.tensor = std::move(f);
  module.visit(walk);
}

}  // namespace

Param& Param::operator=(const Param& other) {
  value = other.value.defined() ? other.value.clone().set_requires_grad(other.value.requires_grad()) : Tensor();
  return *this;
}

std::vector<NamedTensor> Module::state() {
  std::vector<NamedTensor> out;
  for_each_tensor(*this, [&](const std::string& name, Tensor& t, bool is_param) {
    out.push_back({name, t, is_param});
  });
  return out;
}

std::vector<NamedTensor> Module::named_parameters() {
  std::vector<NamedTensor> out = state();
  std::erase_if(out, [](const NamedTensor& t) { return !t.is_param; });
  return out;
}

std::vector<Tensor> Module::parameters() {
  std::vector<Tensor> out;
  for (NamedTensor& t : named_parameters()) out.push_back(std::move(t.value));
  return out;
}

int64_t Module::parameter_count() {
  int64_t count = 0;
  for (const Tensor& t : parameters()) count += t.numel();
  return count;
}

void Module::train(bool on) {
  training_ = on;
  Walk walk;
  walk.enter = [&](const std::string&, Module& m) { m.training_ = on; };
  visit(walk);
}

void Module::to(Device device) {
  for_each_tensor(*this, [&](const std::string&, Tensor& t, bool) { t.move_(device); });
}

void Module::zero_grad() {
  for (Tensor& t : parameters()) t.zero_grad();
}

void freeze(Module& module, bool frozen) {
  for (Tensor& t : module.parameters()) t.set_requires_grad(!frozen);
}

std::string Module::str() {
  if (!has_children(*this)) return describe();
  std::string out = describe() + "(\n";
  int depth = 1;
  std::vector<bool> open;
  Walk walk;
  walk.enter = [&](const std::string& name, Module& m) {
    open.push_back(has_children(m));
    out += std::string(size_t(2 * depth++), ' ') + "(" + name + "): " + m.describe() + (open.back() ? "(\n" : "\n");
  };
  walk.leave = [&] {
    --depth;
    if (open.back()) out += std::string(size_t(2 * depth), ' ') + ")\n";
    open.pop_back();
  };
  visit(walk);
  return out + ")";
}

}  // namespace fovea::nn
