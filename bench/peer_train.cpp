#include <sys/resource.h>

#include <chrono>
#include <string>

#include "peer.h"

#include <fovea/core/allocator.h>
#include <fovea/core/autocast.h>
#include <fovea/core/random.h>
#include <fovea/losses/nt_xent.h>
#include <fovea/models/heads.h>
#include <fovea/models/resnet.h>
#include <fovea/nn/optim.h>

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

// zero_grad, forward, loss, backward and SGD of ResNet-18 with the head Linear-ReLU-Linear, on images that lie in
// memory.
PeerResult simclr_step(bool cifar_stem, int64_t size, int64_t batch, bool bf16, double seconds) {
  manual_seed(0);
  models::ResNet backbone = models::resnet18({.cifar_stem = cifar_stem});
  nn::Sequential model(std::move(backbone),
                       models::make_head({{.in = 512, .out = 512, .relu = true}, {.in = 512, .out = 128}}));
  const Tensor images = randn({2 * batch, size, size, 3});
  nn::Sgd optimizer(nn::decay_groups(model, {.weight_decay = 1e-4, .norms_and_biases = true}),
                    {.lr = 0.05, .momentum = 0.9});

  std::vector<double> forward, loss, backward, optim, total;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (int step = 0; total.size() < 3 || Clock::now() < end; ++step) {
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
    const auto done = Clock::now();
    if (step < 2) continue;  // warm-up
    forward.push_back(milliseconds(embedded - start));
    loss.push_back(milliseconds(compared - embedded));
    backward.push_back(milliseconds(differentiated - compared));
    optim.push_back(milliseconds(done - differentiated));
    total.push_back(milliseconds(done - start));
  }
  const double step = median(total);
  return {double(batch) / step * 1e3,
          "source images/s",
          {{"step_ms", step},
           {"forward_ms", median(forward)},
           {"loss_ms", median(loss)},
           {"backward_ms", median(backward)},
           {"optim_ms", median(optim)}}};
}

PeerResult nt_xent_rows(int64_t rows, int64_t dim, double seconds) {
  Generator generator(1);
  Tensor z0 = randn({rows / 2, dim}, generator).set_requires_grad(),
         z1 = randn({rows / 2, dim}, generator).set_requires_grad();
  auto call = [&] {
    z0.zero_grad(), z1.zero_grad();
    losses::nt_xent(z0, z1, 0.5).backward();
  };
  losses::nt_xent(z0.slice(0, 64), z1.slice(0, 64), 0.5).backward();  // what the program itself needs is not counted
  const double before = peak_rss_mb();
  PeerResult result = rate(call, double(rows), "rows/s", seconds);
  result.details.push_back({"extra_mb", peak_rss_mb() - before});
  return result;
}

}  // namespace

std::vector<PeerCase> train_cases() {
  std::vector<PeerCase> cases{{"nt_xent_16384", [](double s) { return nt_xent_rows(16384, 128, s); }}};
  for (const char* suffix : {"", "_cl", "_cl_bf16"}) {  // the layout is always NHWC here
    const bool bf16 = std::string(suffix).ends_with("bf16");
    cases.push_back({std::string("simclr_r18_cifar32_b128") + suffix,
                     [=](double s) { return simclr_step(true, 32, 128, bf16, s); }});
    cases.push_back({std::string("simclr_r18_inet128_b32") + suffix,
                     [=](double s) { return simclr_step(false, 128, 32, bf16, s); }});
  }
  return cases;
}

}  // namespace fovea::bench
