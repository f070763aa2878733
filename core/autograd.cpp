#include <fovea/core/autograd.h>

#include <unordered_map>
#include <unordered_set>

#include <fovea/core/autocast.h>
#include <fovea/core/check.h>
#include <fovea/core/ops/arith.h>

namespace fovea {

static thread_local bool recording = true;
static thread_local bool autocasting = false;

GradMode::GradMode(bool on) : previous_(recording) {
  recording = on;
}
GradMode::~GradMode() {
  recording = previous_;
}
bool grad_enabled() {
  return recording;
}

Autocast::Autocast(bool on) : previous_(autocasting) {
  autocasting = on;
}
Autocast::~Autocast() {
  autocasting = previous_;
}
bool autocast_enabled() {
  return autocasting;
}

// The part of Tensor that only autograd may touch.
struct TensorAccess {
  static std::shared_ptr<GradMeta>& meta(Tensor& t) { return t.impl().meta; }
  static const std::shared_ptr<GradMeta>& meta(const Tensor& t) { return t.impl().meta; }
  static Tensor with_meta(const Tensor& t, std::shared_ptr<GradMeta> meta) {
    Tensor out;
    out.impl_ = std::make_shared<Tensor::Impl>(t.impl());
    out.impl_->meta = std::move(meta);
    return out;
  }
  static bool owns_its_memory_alone(const Tensor& t) {
    return t.impl_.use_count() == 1 && t.impl_->storage.use_count() == 1;
  }
};

Tensor gradient_memory(const Tensor& dy) {
  return TensorAccess::owns_its_memory_alone(dy) ? dy : Tensor::empty_like(dy);
}

Tensor own_memory(Tensor t) {
  return TensorAccess::owns_its_memory_alone(t) ? t : t.clone();
}

// Nodes that only `node` still holds, through its inputs, move to `pending`.
static void release_inputs(Node& node, std::vector<std::shared_ptr<Node>>& pending) {
  node.backward = nullptr;  // it may hold the inputs too
  for (std::shared_ptr<GradMeta>& input : node.inputs)
    if (input && input.use_count() == 1 && input->node) pending.push_back(std::move(input->node));
  node.inputs.clear();
}

Node::~Node() {
  std::vector<std::shared_ptr<Node>> pending;
  release_inputs(*this, pending);
  while (!pending.empty()) {
    std::shared_ptr<Node> node = std::move(pending.back());
    pending.pop_back();
    if (node.use_count() == 1) release_inputs(*node, pending);
  }
}

std::shared_ptr<GradMeta> grad_meta(const Tensor& t) {
  return TensorAccess::meta(t);
}

Tensor record(const char* name, const Tensor& result, std::span<const Tensor> inputs, BackwardFunction backward) {
  bool wanted = false;
  for (const Tensor& t : inputs) wanted |= t.defined() && t.requires_grad();
  if (!recording || !wanted) return result;
  auto node = std::make_shared<Node>();
  node->name = name;
  node->backward = std::move(backward);
  node->inputs.reserve(inputs.size());
  for (const Tensor& t : inputs)
    node->inputs.push_back(t.defined() && t.requires_grad() ? TensorAccess::meta(t) : nullptr);
  auto meta = std::make_shared<GradMeta>(GradMeta{true, result.shape(), result.dtype(), {}, std::move(node), {}});
  return TensorAccess::with_meta(result,
                                 std::move(meta));  // a new handle: the closure's captures never point back at it
}

Tensor record(const char* name, const Tensor& result, std::initializer_list<Tensor> inputs, BackwardFunction backward) {
  return record(name, result, std::span<const Tensor>(inputs.begin(), inputs.size()), std::move(backward));
}

bool Tensor::requires_grad() const {
  return impl().meta && impl().meta->requires_grad;
}

bool Tensor::is_leaf() const {
  return !impl().meta || !impl().meta->node;
}

Tensor& Tensor::set_requires_grad(bool on) {
  check(is_leaf(), "set_requires_grad: want a leaf, got the result of {}", is_leaf() ? "" : impl().meta->node->name);
  check(!on || is_float(dtype()), "set_requires_grad: want a floating dtype, got {}", name_of(dtype()));
  if (!impl().meta) {
    if (!on) return *this;
    impl().meta = std::make_shared<GradMeta>(GradMeta{on, shape(), dtype(), {}, nullptr, {}});
  }
  impl().meta->requires_grad = on;
  return *this;
}

Tensor Tensor::grad() const {
  return impl().meta ? impl().meta->grad : Tensor();
}

void Tensor::set_grad(const Tensor& grad) {
  check(!grad.defined() || (grad.shape() == shape() && impl().meta),
        "set_grad: want the gradient of a tensor {} that requires one", shape());
  if (impl().meta) impl().meta->grad = grad;
}

void on_grad(const Tensor& t, Hook hook) {
  check(t.requires_grad(), "on_grad: want a tensor that requires a gradient, got {}", t.shape());
  TensorAccess::meta(t)->hooks.push_back(std::move(hook));
}

// Iterative: graphs can be deeper than the stack.
std::vector<GradMeta*> topological_order(GradMeta* root) {
  std::vector<GradMeta*> order;
  std::unordered_set<GradMeta*> seen{root};
  std::vector<std::pair<GradMeta*, size_t>> stack{{root, 0}};
  while (!stack.empty()) {
    auto& [meta, next] = stack.back();
    if (meta->node && next < meta->node->inputs.size()) {
      GradMeta* input = meta->node->inputs[next++].get();
      if (input && input->requires_grad && seen.insert(input).second) stack.push_back({input, 0});
    } else {
      order.push_back(meta);
      stack.pop_back();
    }
  }
  return order;
}

// The first gradient is kept as it is. A later one is added in place if nobody else sees the sum's memory (an op may
// return one tensor as the gradient of two inputs), else into new memory.
static void accumulate(Tensor& sum, Tensor grad) {
  if (!sum.defined())
    sum = std::move(grad);
  else if (TensorAccess::owns_its_memory_alone(sum))
    add_(sum, grad);
  else
    sum = sum + grad;
}

void Tensor::backward(bool retain_graph) const {
  check(numel() == 1, "backward: want a loss of one element, got {}; pass the gradient of a larger result", shape());
  backward(ones(shape(), dtype(), device()), retain_graph);
}

// Where the gradients of some leaves go instead of their own place.
using Sinks = std::unordered_map<GradMeta*, Tensor*>;

static void backward_from(const Tensor& result, const Tensor& grad, bool retain_graph, const Sinks& sinks) {
  check(result.requires_grad(), "backward: want a tensor that requires a gradient, got {}", result.shape());
  check(grad.shape() == result.shape() && grad.dtype() == result.dtype(), "backward: want a gradient {} {}, got {} {}",
        name_of(result.dtype()), result.shape(), name_of(grad.dtype()), grad.shape());
  NoGrad no_grad;
  GradMeta* root = TensorAccess::meta(result).get();
  std::vector<GradMeta*> order = topological_order(root);
  std::unordered_map<GradMeta*, Tensor> grads{{root, grad}};
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    auto found = grads.find(*it);
    if (found == grads.end()) continue;
    Tensor complete = std::move(found->second);
    grads.erase(found);
    if (auto sink = sinks.find(*it); sink != sinks.end()) {
      accumulate(*sink->second, std::move(complete));
      continue;
    }
    for (const Hook& hook : (*it)->hooks) hook(complete);
    Node* node = (*it)->node.get();
    if (!node) {
      accumulate((*it)->grad, std::move(complete));
      continue;
    }
    check(bool(node->backward), "backward: the graph of {} was already used; pass retain_graph to keep it", node->name);
    Grads input_grads = node->backward(*node, complete);
    if (!retain_graph) node->backward = nullptr;
    complete = {};
    for (size_t i = 0; i < input_grads.size(); ++i)
      if (input_grads[i].defined() && node->needs_grad(int(i)))
        accumulate(grads[node->inputs[i].get()], std::move(input_grads[i]));
  }
}

void Tensor::backward(const Tensor& grad, bool retain_graph) const {
  backward_from(*this, grad, retain_graph, {});
}

void backward_into(const Tensor& result, const Tensor& grad, std::span<const Tensor> leaves, Grads& sums) {
  check(leaves.size() == sums.size(), "backward_into: want a sum for each leaf, got {} leaves and {} sums",
        leaves.size(), sums.size());
  Sinks sinks;
  for (size_t i = 0; i < leaves.size(); ++i)
    if (leaves[i].defined() && leaves[i].requires_grad()) {
      check(leaves[i].is_leaf(), "backward_into: want leaves, got the result of {}",
            leaves[i].is_leaf() ? "" : grad_meta(leaves[i])->node->name);
      sinks.emplace(grad_meta(leaves[i]).get(), &sums[i]);
    }
  backward_from(result, grad, false, sinks);
}

}  // namespace fovea
