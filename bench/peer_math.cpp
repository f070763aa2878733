#include <algorithm>

#include "peer.h"

#include <fovea/core/ops.h>
#include <fovea/core/random.h>
#include <fovea/models/eval/knn.h>

namespace fovea::bench {

namespace {

PeerResult gemm(int64_t m, int64_t n, int64_t k, Dtype dtype, const PeerOptions& options) {
  NoGrad no_grad;
  Generator generator(1);
  const Tensor a = randn({m, k}, generator).to(options.device).to(dtype),
               b = randn({k, n}, generator).to(options.device).to(dtype);
  const double flops = 2.0 * double(m * n) * double(k);
  const int inner = std::max(1, int(5e8 / flops));
  auto call = [&] {
    for (int i = 0; i < inner; ++i) matmul(a, b);
  };
  const double step = median_seconds(call, options) / inner;
  return {flops / step * 1e-9, "GFLOP/s", {{"step_ms", step * 1e3}}};
}

PeerResult knn(int64_t queries, int64_t bank, int64_t dim, int64_t k, double temperature, const PeerOptions& options) {
  constexpr int64_t kClasses = 10;
  Generator generator(1);
  const models::Features features{normalize(randn({bank, dim}, generator)).to(options.device),
                                  randint(0, kClasses, {bank}, generator)};
  const Tensor query = normalize(randn({queries, dim}, generator)).to(options.device);
  auto call = [&] { models::knn_predict(features, query, kClasses, {.k = k, .temperature = temperature}); };
  return rate(call, double(queries), "queries/s", options);
}

}  // namespace

std::vector<PeerCase> math_cases() {
  return {
      {"knn_10k_50k_512", [](const PeerOptions& o) { return knn(10000, 50000, 512, 200, 0.07, o); }},
      {"gemm_f32_1024", [](const PeerOptions& o) { return gemm(1024, 1024, 1024, Dtype::f32, o); }},
      {"gemm_f32_4096x256x1024", [](const PeerOptions& o) { return gemm(4096, 256, 1024, Dtype::f32, o); }},
      {"gemm_f32_256x128x128", [](const PeerOptions& o) { return gemm(256, 128, 128, Dtype::f32, o); }},
      {"gemm_bf16_1024", [](const PeerOptions& o) { return gemm(1024, 1024, 1024, Dtype::bf16, o); }},
  };
}

}  // namespace fovea::bench
