#include <fovea/kernels/nt_xent.h>
#include <fovea/kernels/xent.h>

#include "nt_xent/steps.h"
#include "softmax_cross_entropy/steps.h"
#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

TEST_CASE("every step to softmax cross entropy has the same loss and gradient", "[cuda][steps]") {
  const int rows = 32, cols = 1024;
  std::vector<float> x = numbers<float>(rows * cols, 0.3, 4);
  std::vector<double> wide = widened(x), loss(rows), lse(rows), dx(x.size()), dy{1};
  std::vector<int64_t> labels;
  for (int r = 0; r < rows; ++r) labels.push_back(r * 37 % cols);
  HardTarget target{labels.data(), -100, 0};
  xent(cpu(), wide.data(), target, loss.data(), lse.data(), rows, cols);
  xent_backward(cpu(), wide.data(), target, lse.data(), dy.data(), 0, 1.0, dx.data(), rows, cols);

  Cuda& ctx = cuda(0);
  OnDevice<float> there(x);
  OnDevice<int64_t> aims(labels);
  auto check = [&](auto&& step) {
    OnDevice<float> losses = OnDevice<float>::zeros(rows), kept = OnDevice<float>::zeros(rows * cols),
                    slopes = OnDevice<float>::zeros(rows * cols);
    step(losses.data(), kept.data(), slopes.data());
    CHECK(difference(losses.host(), loss) < 1e-6);
    CHECK(difference(slopes.host(), dx) < 1e-6);
  };
  const float* at = there.data();
  const int64_t* aim = aims.data();
  check([&](float* l, float*, float* s) { steps::xent_thread_a_row(ctx, rows, cols, at, aim, l, s); });
  check([&](float* l, float* p, float* s) { steps::xent_written(ctx, rows, cols, at, aim, l, p, s); });
  check([&](float* l, float* sums, float* s) { steps::xent_two_reads(ctx, rows, cols, at, aim, l, sums, s); });
  check([&](float* l, float* sums, float* s) { steps::xent_online(ctx, rows, cols, at, aim, l, sums, s); });
  check([&](float* l, float* sums, float* s) {
    OnDevice<float> one({1});
    xent(ctx, at, {aim, -100, 0}, l, sums, rows, cols);
    xent_backward(ctx, at, {aim, -100, 0}, sums, one.data(), 0, 1.0, s, rows, cols);
  });
}

TEST_CASE("every step to NT-Xent has the same log-sums", "[cuda][steps]") {
  const int n = 256, dim = 64;
  const float temperature = 0.1f;
  std::vector<float> u = numbers<float>(n * dim, 0.3);
  for (int i = 0; i < n; ++i) {
    double squares = 0;
    for (int d = 0; d < dim; ++d) squares += double(u[size_t(i * dim + d)]) * double(u[size_t(i * dim + d)]);
    for (int d = 0; d < dim; ++d) u[size_t(i * dim + d)] = float(double(u[size_t(i * dim + d)]) / std::sqrt(squares));
  }
  std::vector<double> wide = widened(u), lse(n);
  double loss = 0;
  nt_xent(cpu(), {n / 2, dim, double(temperature)}, wide.data(), wide.data() + n / 2 * dim, &loss, lse.data());

  Cuda& ctx = cuda(0);
  OnDevice<float> there(u);
  const float* at = there.data();
  auto check = [&](auto&& step) {
    OnDevice<float> sums = OnDevice<float>::zeros(n);
    step(sums.data());
    CHECK(difference(sums.host(), lse) < 2e-6);
  };
  check([&](float* sums) {
    OnDevice<float> matrix = OnDevice<float>::zeros(n * n);
    steps::nt_xent_matrix(ctx, n, dim, at, temperature, matrix.data(), sums);
  });
  check([&](float* sums) { steps::nt_xent_streaming(ctx, n, dim, at, temperature, sums); });
  check([&](float* sums) { steps::nt_xent_shared(ctx, n, dim, at, temperature, sums); });
  check([&](float* sums) { steps::nt_xent_registers(ctx, n, dim, at, temperature, sums); });
  check([&](float* sums) {
    OnDevice<float> result({0});
    nt_xent(ctx, {n / 2, dim, double(temperature)}, at, at + n / 2 * dim, result.data(), sums);
  });
}
