#include <fovea/nn/train/recompute.h>

#include <fovea/core/allocator.h>
#include <fovea/core/autocast.h>
#include <fovea/core/random.h>
#include <fovea/models/backbones/resnet.h>
#include <fovea/models/parts/encoder.h>
#include <fovea/nn/layer.h>
#include <fovea/nn/layers/activation.h>
#include <fovea/nn/layers/conv.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/layers/norm.h>
#include <fovea/nn/layers/pool.h>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using fovea::testing::relative_error;
using nn::recompute;

namespace {

nn::Sequential convolutions() {
  return nn::Sequential(nn::Conv2d({.in = 3, .out = 24, .kernel = 3, .padding = 1}),
                        nn::GroupNorm({.groups = 4, .channels = 24}), nn::ReLU(),
                        nn::Conv2d({.in = 24, .out = 24, .kernel = 3, .padding = 1}), nn::ReLU(),
                        nn::AdaptiveAvgPool2d(1), nn::Flatten(), nn::Linear({.in = 24, .out = 8}));
}

// NT-Xent of rows whose first half are one view and the others the second.
Tensor contrast(const Tensor& z) {
  int64_t n = z.size(0) / 2;
  return nt_xent(z.slice(0, n), z.slice(n, 2 * n), 0.5);
}

// Runs `net` in chunks and joins what comes: the graph that recompute() does not keep.
template <class Network>
Tensor chunks(Network& net, const Tensor& x, int64_t rows) {
  std::vector<Tensor> parts;
  for (int64_t begin = 0; begin < x.size(0); begin += rows)
    parts.push_back(net(x.slice(begin, std::min(x.size(0), begin + rows))));
  return concat(parts);
}

void check_same_gradients(nn::Module& a, nn::Module& b, double tolerance) {
  std::vector<nn::NamedTensor> left = a.named_parameters(), right = b.named_parameters();
  for (size_t i = 0; i < left.size(); ++i) {
    INFO(left[i].name);
    CHECK(relative_error(left[i].value.grad(), right[i].value.grad(), 1) <= tolerance);
    CHECK(relative_error(left[i].value.grad(), right[i].value.grad()) <= 10 * tolerance);
  }
}

}  // namespace

TEST_CASE("a network in chunks has the full batch's loss and gradients", "[nn][recompute]") {
  manual_seed(1);
  nn::Sequential whole = convolutions(), cached = whole;
  const Tensor images = randn({22, 9, 9, 3});
  Tensor x = images.clone().set_requires_grad(), chunked = images.clone().set_requires_grad();
  Tensor loss = contrast(whole(x));
  loss.backward();
  const int64_t rows = GENERATE(1, 5, 11, 21, 22, 40);
  INFO(rows << " rows at a time");
  Tensor same = contrast(recompute(cached, chunked, rows));
  CHECK(same.item() == Approx(loss.item()).margin(1e-6));
  same.backward();
  check_same_gradients(cached, whole, 1e-6);  // sums of chunks, in another order
  CHECK(relative_error(chunked.grad(), x.grad(), 1) < 1e-6);
  CHECK(relative_error(chunked.grad(), x.grad()) < 1e-5);
}

TEST_CASE("chunks need the memory of one", "[nn][recompute][allocator]") {
  nn::Sequential net = convolutions();
  const Tensor images = randn({64, 16, 16, 3});
  Allocator& memory = allocator(Device::cpu());
  auto peak_of = [&](int64_t rows) {
    net.zero_grad();
    memory.reset_peak();
    const size_t before = memory.stats().live;
    contrast(recompute(net, images, rows)).backward();
    return memory.stats().peak - before;
  };
  const size_t whole = peak_of(64);
  CHECK(peak_of(16) < 0.4 * double(whole));
  CHECK(peak_of(8) < 0.25 * double(whole));
}

TEST_CASE("what a second run writes to buffers and draws is not seen", "[nn][recompute]") {
  manual_seed(2);
  models::Encoder joined =
      models::mlp_encoder(models::resnet18({.width = 4, .cifar_stem = true}), {32, 128}, models::LastNorm::batch_norm);
  models::Encoder cached = joined;
  const Tensor images = randn({14, 8, 8, 3});
  contrast(chunks(joined, images, 4)).backward();
  std::vector<nn::NamedTensor> before = cached.state();
  Tensor z = recompute(cached, images, 4);
  CHECK(relative_error(z, chunks(joined, images, 4)) == 0);
  contrast(z).backward();
  check_same_gradients(cached, joined, 1e-6);
  // The second chunks() moved them again: of what that made, one run in chunks is half.
  std::vector<nn::NamedTensor> after = cached.state(), twice = joined.state();
  for (size_t i = 0; i < after.size(); ++i) {
    INFO(after[i].name);
    CHECK(after[i].value.shares_memory(before[i].value));
    if (after[i].value.dtype() == Dtype::i64) {
      CHECK(after[i].value.item() == 4);
      CHECK(twice[i].value.item() == 8);
    }
  }
}

TEST_CASE("running statistics move as if every chunk had been a batch", "[nn][recompute]") {
  manual_seed(3);
  nn::BatchNorm1d joined({.features = 5}), cached = joined;
  const Tensor x = randn({12, 5});
  chunks(joined, x, 4);
  sum(square(recompute(cached, x, 4))).backward();
  CHECK(relative_error(cached.running_mean, joined.running_mean) == 0);
  CHECK(relative_error(cached.running_var, joined.running_var) == 0);
  CHECK(cached.num_batches_tracked.value.item() == 3);
}

TEST_CASE("both runs drop the same elements, and draws go on behind the first", "[nn][recompute]") {
  nn::Sequential joined(nn::Linear({.in = 6, .out = 40}), nn::Dropout(0.5), nn::Linear({.in = 40, .out = 7}));
  nn::Sequential cached = joined;
  const Tensor x = randn({10, 6});
  manual_seed(4);
  contrast(chunks(joined, x, 3)).backward();
  const uint64_t offset = default_generator().offset();
  manual_seed(4);
  Tensor loss = contrast(recompute(cached, x, 3));
  const Tensor later = rand({3});
  loss.backward();
  check_same_gradients(cached, joined, 1e-6);
  manual_seed(4);
  default_generator().advance(int64_t(4 * offset));
  CHECK(relative_error(rand({3}), later) == 0);
}

TEST_CASE("the second run has the precision of the first", "[nn][recompute]") {
  manual_seed(5);
  nn::Sequential joined = convolutions(), cached = joined;
  const Tensor images = randn({6, 8, 8, 3});
  Tensor loss, same;
  {
    Autocast autocast;
    loss = contrast(chunks(joined, images, 2));
    same = contrast(recompute(cached, images, 2));
  }
  CHECK(same.item() == loss.item());
  loss.backward();
  same.backward();
  check_same_gradients(cached, joined, 1e-6);
}

TEST_CASE("hooks of parameters see the gradient of all chunks, and gradients add up over passes", "[nn][recompute]") {
  nn::Linear net({.in = 3, .out = 2});
  const Tensor x = randn({6, 3});
  std::vector<Tensor> seen;
  on_grad(net.weight, [&](const Tensor& grad) { seen.push_back(grad.clone()); });
  sum(recompute(net, x, 2)).backward();
  REQUIRE(seen.size() == 1);
  CHECK(relative_error(seen[0], net.weight.value.grad()) == 0);
  sum(recompute(net, x, 4)).backward();
  CHECK(relative_error(net.weight.value.grad(), 2 * seen[0]) < 1e-6);
}

TEST_CASE("chunks of chunks, frozen networks and runs without gradients work", "[nn][recompute]") {
  manual_seed(6);
  nn::Sequential inner(nn::Linear({.in = 3, .out = 4}), nn::Tanh()), whole = inner;
  const Tensor x = randn({8, 3});
  auto nested = [&](const Tensor& chunk) { return recompute(inner, chunk, 2); };
  sum(square(recompute(inner, x, 4, nested))).backward();
  sum(square(whole(x))).backward();
  check_same_gradients(inner, whole, 1e-6);
  nn::freeze(inner);
  CHECK_FALSE(recompute(inner, x, 2).requires_grad());
  Tensor wanted = x.clone().set_requires_grad(), same = x.clone().set_requires_grad();
  sum(recompute(inner, wanted, 3)).backward();
  sum(inner(same)).backward();
  CHECK(relative_error(wanted.grad(), same.grad()) < 1e-6);
  NoGrad no_grad;
  CHECK_FALSE(recompute(whole, x, 2).requires_grad());
}

TEST_CASE("recompute says what it wanted", "[nn][recompute]") {
  nn::Linear net({.in = 3, .out = 2});
  CHECK_THROWS_WITH(recompute(net, randn({4, 3}), 0), Catch::Contains("at least one row"));
  CHECK_THROWS_WITH(recompute(net, randn({4, 3}), 2, [&](const Tensor& x) { return sum(net(x)); }),
                    Catch::Contains("want 2 rows"));
}
