#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <vector>

#include <fovea/core/tensor.h>

// Reverse-mode differentiation. An op computes its result with kernels, then calls record():
//   - record() returns a new handle to the result that remembers the op's Node;
//   - the Node holds what the backward pass needs: the inputs' GradMeta (never their data) and a closure;
//   - the closure captures just the tensors it reads, so memory lives no longer than it must. Its captures are listed
//     by name: that list is what is kept for the backward pass.
// Every differentiable op has one output. backward() visits nodes in reverse topological order, under NoGrad, and drops
// each closure once it has run (unless retain_graph), so memory falls during the pass. There is no double backward.
namespace fovea {

struct Node;
using Hook = std::function<void(const Tensor& grad)>;

// What autograd knows of a tensor. A leaf has no node.
struct GradMeta {
  bool requires_grad = false;
  Shape shape;
  Dtype dtype = Dtype::f32;
  Tensor grad;
  std::shared_ptr<Node> node;
  std::vector<Hook> hooks;
};

using Grads = std::vector<Tensor>;  // one per input; an undefined Tensor means "no gradient"
using BackwardFunction = std::function<Grads(const Node&, const Tensor& grad_output)>;

struct Node {
  const char* name = "";                          // the op's
  std::vector<std::shared_ptr<GradMeta>> inputs;  // null for an input that was undefined or needs no gradient
  BackwardFunction backward;                      // empty once used

  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();  // takes the graph behind it apart without recursion

  bool needs_grad(int input) const { return inputs[size_t(input)] && inputs[size_t(input)]->requires_grad; }
};

// Attaches a backward function to `result`. Returns it untouched, and drops the closure, under NoGrad or if no input
// requires a gradient. Undefined inputs are allowed (an absent bias).
Tensor record(const char* name, const Tensor& result, std::initializer_list<Tensor> inputs, BackwardFunction backward);
Tensor record(const char* name, const Tensor& result, std::span<const Tensor> inputs, BackwardFunction backward);

// For backward functions: memory for another gradient of dy's shape and dtype. It is dy's own where nobody else can see
// it (read dy before you write), else it is new.
Tensor gradient_memory(const Tensor& dy);

// For ops that change a tensor which they were given for good (by std::move): t itself where nobody else can see its
// memory, else a copy.
Tensor own_memory(Tensor t);

// Whether ops record, on this thread, while one of these is alive.
class GradMode {
 public:
  explicit GradMode(bool on);
  ~GradMode();
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool previous_;
};
class NoGrad : public GradMode {
 public:
  NoGrad() : GradMode(false) {}
};

bool grad_enabled();

// Calls `hook` once in every backward pass, when the gradient of t is complete. t must require a gradient.
void on_grad(const Tensor& t, Hook hook);

// For backward functions that run a part of the forward pass again, under GradMode(true): as result.backward(grad), but
// what reaches leaves[i] is added to sums[i] and not to its own gradient, and its hooks stay silent. A backward
// function returns the sums as its own node's gradients. Undefined: in leaves, nothing wanted; in sums, nothing so far.
// Other leaves get theirs as ever.
void backward_into(const Tensor& result, const Tensor& grad, std::span<const Tensor> leaves, Grads& sums);

// The GradMeta of t, null when it has none. For tools that walk the graph (print_graph.h).
std::shared_ptr<GradMeta> grad_meta(const Tensor& t);

// Everything that a gradient of `root` reaches, each once, inputs before the results made of them: backward() visits it
// from the end.
std::vector<GradMeta*> topological_order(GradMeta* root);

}  // namespace fovea
