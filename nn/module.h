#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fovea/core/ops.h>

// Modules are values: copying one copies its weights (a teacher is `Net teacher = student`), so pass them by reference.
namespace fovea::nn {

// A weight. Copying a Param copies the numbers. Rank-4 Params are convolution weights, stored O, kh, kw, I.
struct Param {
  Tensor value;
  Param() = default;
  Param(Tensor t) : value(std::move(t)) { value.set_requires_grad(); }
  Param(const Param& other) { *this = other; }
  Param(Param&&) = default;
  Param& operator=(Param&&) = default;
  Param& operator=(const Param& other);
  operator const Tensor&() const { return value; }
};

// State that is saved but not trained (a running mean, a queue of keys).
struct Buffer {
  Tensor value;
  Buffer() = default;
  Buffer(Tensor t) : value(std::move(t)) {}
  Buffer(const Buffer& other) : value(other.value.defined() ? other.value.clone() : Tensor()) {}
  Buffer(Buffer&&) = default;
  Buffer& operator=(Buffer&&) = default;
  Buffer& operator=(const Buffer& other) { return *this = Buffer(other); }
  operator const Tensor&() const { return value; }
};

class Module;

// Sees each member of a module once, by name. The library's walks pass over absent (undefined) Params and Buffers.
class Visitor {
 public:
  virtual ~Visitor() = default;
  virtual void operator()(std::string_view name, Param&) = 0;
  virtual void operator()(std::string_view name, Buffer&) = 0;
  virtual void operator()(std::string_view name, Module&) = 0;
};

// One entry of a module's state: a dotted name and the tensor behind it (a handle: writing to it writes the module).
struct NamedTensor {
  std::string name;
  Tensor value;
  bool is_param = true;  // else a Buffer
};

class Module {
 public:
  virtual ~Module() = default;
  virtual void visit(Visitor&) {}            // names each Param, Buffer and child Module once
  virtual std::string describe() const = 0;  // one line: "Linear(in=4, out=2)"

  std::vector<NamedTensor> state();             // parameters and buffers: "layer1.0.conv1.weight", "bn1.running_mean"
  std::vector<NamedTensor> named_parameters();  // parameters alone
  std::vector<Tensor> parameters();
  int64_t parameter_count();
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }
  void to(Device device);  // moves every parameter and buffer in place: an optimiser that holds them follows
  void zero_grad();
  std::string str();  // the tree, as PyTorch prints it

 protected:
  bool training_ = true;
};

// Stops (or starts) gradients for every parameter of `module`.
void freeze(Module& module, bool frozen = true);

}  // namespace fovea::nn
