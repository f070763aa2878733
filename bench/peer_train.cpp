#include <sys/resource.h>

#include <chrono>
#include <string>

#include "peer.h"

#include <fovea/core/allocator.h>
#include <fovea/core/autocast.h>
#include <fovea/core/cuda_graph.h>
#include <fovea/core/random.h>
#include <fovea/losses/contrastive/nt_xent.h>
#include <fovea/models/backbones/resnet.h>
#include <fovea/models/parts/heads.h>
#include <fovea/nn/train/optim.h>

namespace fovea::bench {

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

double peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_maxrss) / 1024;
}

struct Network {
  bool bottleneck = false;  // ResNet-50
  bool cifar_stem = true;
  int width = 64;
};

// zero_grad, forward, loss, backward and SGD of a ResNet with the head Linear-ReLU-Linear, on images in memory.
PeerResult simclr_step(const Network& network, int64_t size, int64_t batch, bool bf16, const PeerOptions& options) {
  manual_seed(0);
  const models::ResNetOptions shape{.width = network.width, .cifar_stem = network.cifar_stem};
  models::ResNet backbone = network.bottleneck ? models::resnet50(shape) : models::resnet18(shape);
  const int64_t features = int64_t(network.width) * (network.bottleneck ? 32 : 8);
  nn::Sequential model(std::move(backbone), models::make_head({{.in = features, .out = features, .relu = true},
                                                               {.in = features, .out = 128}}));
  model.to(options.device);
  const Tensor images = randn({2 * batch, size, size, 3}).to(options.device);
  nn::Sgd optimizer(nn::decay_groups(model, {.weight_decay = 1e-4, .norms_and_biases = true}),
                    {.lr = 0.05, .momentum = 0.9});

  std::vector<double> forward, loss, backward, optim, total;
  auto step = [&](bool measured) {
    const auto start = Clock::now();
    optimizer.zero_grad();
    Tensor z;
    {
      Autocast autocast(bf16);
      z = model(images);
    }
    const auto embedded = Clock::now();
    z = z.to(Dtype::f32);
    Tensor value = losses::nt_xent(z.slice(0, batch), z.slice(batch, 2 * batch), 0.5);
    const auto compared = Clock::now();
    value.backward();
    const auto differentiated = Clock::now();
    optimizer.step();
    if (!measured) return;
    forward.push_back(milliseconds(embedded - start));
    loss.push_back(milliseconds(compared - embedded));
    backward.push_back(milliseconds(differentiated - compared));
    optim.push_back(milliseconds(Clock::now() - differentiated));
  };
  std::function<void()> replay;
  constexpr int kWarmUp = 2;
  for (int i = 0; i < kWarmUp; ++i) step(false);
  if constexpr (kHasCuda)
    if (options.graph) replay = capture_graph(options.device, [&] { step(false); });
  wait_for(options.device);
  for (const auto end = Clock::now() + std::chrono::duration<double>(options.seconds);
       total.size() < 3 || Clock::now() < end;) {
    const auto start = Clock::now();
    if (replay)
      replay();
    else
      step(true);
    wait_for(options.device);
    total.push_back(milliseconds(Clock::now() - start));
  }
  const double milliseconds_a_step = median(total);
  PeerResult result{double(batch) / milliseconds_a_step * 1e3, "source images/s", {{"step_ms", milliseconds_a_step}}};
  if (options.device.is_cpu())
    result.details.insert(result.details.end(), {{"forward_ms", median(forward)},
                                                 {"loss_ms", median(loss)},
                                                 {"backward_ms", median(backward)},
                                                 {"optim_ms", median(optim)}});
  return result;
}

PeerResult nt_xent_rows(int64_t rows, int64_t dim, const PeerOptions& options) {
  Generator generator(1);
  Tensor z0 = randn({rows / 2, dim}, generator).to(options.device),
         z1 = randn({rows / 2, dim}, generator).to(options.device);
  z0.set_requires_grad(), z1.set_requires_grad();
  auto call = [&] {
    z0.zero_grad(), z1.zero_grad();
    losses::nt_xent(z0, z1, 0.5).backward();
  };
  losses::nt_xent(z0.slice(0, 64), z1.slice(0, 64), 0.5).backward();  // what the program itself needs is not counted
  const double before = peak_rss_mb();
  PeerResult result = rate(call, double(rows), "rows/s", options);
  result.details.push_back({"extra_mb", peak_rss_mb() - before});
  return result;
}

}  // namespace

std::vector<PeerCase> train_cases() {
  std::vector<PeerCase> cases{{"nt_xent_16384", [](const PeerOptions& o) { return nt_xent_rows(16384, 128, o); }}};
  auto add = [&](const std::string& name, const Network& network, int64_t size, int64_t batch) {
    for (const char* suffix : {"", "_cl", "_cl_bf16"}) {  // the layout is always NHWC here
      const bool bf16 = std::string(suffix).ends_with("bf16");
      cases.push_back(
          {name + suffix, [=](const PeerOptions& o) { return simclr_step(network, size, batch, bf16, o); }});
    }
  };
  add("simclr_r18_cifar32_b128", {}, 32, 128);
  add("simclr_r18_inet128_b32", {.cifar_stem = false}, 128, 32);
  add("simclr_r50_inet224_b128", {.bottleneck = true, .cifar_stem = false}, 224, 128);
  add("simclr_r18_tiny", {.width = 8}, 8, 4);  // for a look whether everything runs
  return cases;
}

}  // namespace fovea::bench
