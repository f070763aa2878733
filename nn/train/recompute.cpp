#include <fovea/nn/train/recompute.h>

#include <algorithm>

#include <fovea/core/autocast.h>
#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/cuda_graph.h>
#include <fovea/core/random.h>

namespace fovea::nn {

namespace {

// While one of these is alive, what is written to the module's buffers is written to copies of them.
class KeepBuffers : Visitor {
 public:
  explicit KeepBuffers(Module& module) { module.visit(*this); }
  ~KeepBuffers() override {
    for (auto& [buffer, value] : kept_) buffer->value = value;
  }
  KeepBuffers(const KeepBuffers&) = delete;
  KeepBuffers& operator=(const KeepBuffers&) = delete;

 private:
  void operator()(std::string_view, Param&) override {}
  void operator()(std::string_view, Buffer& buffer) override {
    kept_.emplace_back(&buffer, buffer.value);
    if (buffer.value.defined()) buffer.value = buffer.value.clone();
  }
  void operator()(std::string_view, Module& child) override { child.visit(*this); }

  std::vector<std::pair<Buffer*, Tensor>> kept_;
};

// Where default_generator() stands, also within the replays of a step that is being recorded.
struct Place {
  Generator generator = default_generator();
  int64_t replayed = 0;

  Place() {
    if constexpr (kHasCuda) replayed = replay_draws(default_generator());
  }
  void go_there() const {
    default_generator() = generator;
    if constexpr (kHasCuda) set_replay_draws(default_generator(), replayed);
  }
};

// While one of these is alive, default_generator() goes on from another place.
class DrawFrom {
 public:
  explicit DrawFrom(const Place& place) { place.go_there(); }
  ~DrawFrom() { kept_.go_there(); }
  DrawFrom(const DrawFrom&) = delete;
  DrawFrom& operator=(const DrawFrom&) = delete;

 private:
  const Place kept_;
};

}  // namespace

Tensor recompute(Module& module, const Tensor& x, int64_t rows, const std::function<Tensor(const Tensor&)>& net) {
  check(rows > 0, "recompute: want chunks of at least one row, got {}", rows);
  check(x.rank() > 0, "recompute: want x [N, ...], got {}", x.shape());
  const int64_t count = x.size(0);
  if (rows >= count) return net(x);
  const Place draws;
  std::vector<Tensor> parts;
  {
    NoGrad no_grad;
    for (int64_t begin = 0; begin < count; begin += rows) {
      const int64_t end = std::min(count, begin + rows);
      parts.push_back(net(x.slice(begin, end)));
      check(parts.back().rank() > 0 && parts.back().size(0) == end - begin,
            "recompute: want {} rows of the network for a chunk {}, got {}", end - begin, x.slice(begin, end).shape(),
            parts.back().shape());
    }
    parts = {concat(parts)};
  }
  std::vector<Tensor> leaves = module.parameters();
  leaves.insert(leaves.begin(), x);
  return record("recompute", parts[0], leaves,
                [&module, net, x = x.detach(), rows, draws, autocast = autocast_enabled(),
                 parameters = std::vector<Tensor>(leaves.begin() + 1, leaves.end())](const Node& node,
                                                                                     const Tensor& dy) -> Grads {
                  const KeepBuffers buffers(module);
                  const DrawFrom same(draws);
                  std::vector<Tensor> inputs = parameters;
                  inputs.insert(inputs.begin(), Tensor());
                  Grads sums(inputs.size());
                  Tensor dx = node.needs_grad(0) ? Tensor::zeros_like(x) : Tensor();
                  for (int64_t begin = 0; begin < x.size(0); begin += rows) {
                    const int64_t end = std::min(x.size(0), begin + rows);
                    Tensor part = x.slice(begin, end).set_requires_grad(dx.defined()), y;
                    inputs[0] = part;
                    {
                      const GradMode grad(true);
                      const Autocast precision(autocast);
                      y = net(part);
                    }
                    if (!y.requires_grad()) continue;
                    backward_into(y, dy.slice(begin, end), inputs, sums);
                    if (Tensor gradient = std::exchange(sums[0], {}); gradient.defined())
                      dx.slice(begin, end).copy_(gradient);
                  }
                  sums[0] = dx;
                  return sums;
                });
}

}  // namespace fovea::nn
