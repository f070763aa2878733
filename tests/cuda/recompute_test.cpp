#include <fovea/nn/train/recompute.h>

#include <fovea/core/cuda_graph.h>
#include <fovea/core/random.h>
#include <fovea/nn/layer.h>
#include <fovea/nn/layers/activation.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/layers/norm.h>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using fovea::testing::relative_error;

TEST_CASE("a network in chunks on the device has the CPU's gradients and running statistics", "[cuda][nn]") {
  manual_seed(8);
  nn::Sequential here(nn::Linear({.in = 5, .out = 7, .bias = false}), nn::BatchNorm1d({.features = 7}), nn::ReLU(),
                      nn::Dropout(0.3), nn::Linear({.in = 7, .out = 6}));
  nn::Sequential there = here;
  there.to(Device::cuda());
  const Tensor x = randn({14, 5});
  auto step = [](nn::Sequential& net, const Tensor& in) {
    manual_seed(9);
    Tensor z = nn::recompute(net, in, 4);
    Tensor loss = nt_xent(z.slice(0, 7), z.slice(7, 14), 0.5);
    loss.backward();
    return loss.item();
  };
  CHECK(step(there, x.to(Device::cuda())) == Approx(step(here, x)).margin(1e-5));
  std::vector<nn::NamedTensor> left = there.state(), right = here.state();
  for (size_t i = 0; i < left.size(); ++i) {
    INFO(left[i].name);
    CHECK(relative_error(left[i].value, right[i].value) < 1e-5);
    if (left[i].is_param) CHECK(relative_error(left[i].value.grad(), right[i].value.grad()) < 1e-5);
  }
}

TEST_CASE("chunks that are run again in a replay drop what their first run dropped", "[cuda][nn][graph]") {
  manual_seed(10);
  nn::Sequential net(nn::Dropout(0.5), nn::Linear({.in = 8, .out = 3})), replayed = net;
  net.to(Device::cuda()), replayed.to(Device::cuda());
  const Tensor x = randn({6, 8}).to(Device::cuda());
  auto gradient = [&](nn::Sequential& of) {
    of.zero_grad();
    Tensor y = nn::recompute(of, x, 4);
    sum(y * rand(y.shape(), default_generator(), Device::cuda())).backward();
  };
  manual_seed(11);
  gradient(net);
  gradient(net);
  const std::vector<float> expected = net.parameters()[0].grad().to_vector<float>();
  manual_seed(11);
  gradient(replayed);
  auto replay = capture_graph(Device::cuda(), [&] { gradient(replayed); });
  const uint64_t before = default_generator().offset();
  replay();
  CHECK(replayed.parameters()[0].grad().to_vector<float>() == expected);
  CHECK(default_generator().offset() == 2 * before);
}
