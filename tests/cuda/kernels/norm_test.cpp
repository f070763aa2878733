#include <fovea/kernels/norm.h>

#include <array>
#include <vector>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

using Numbers = OnBoth<float>;

TEMPLATE_TEST_CASE("batch norm on the device agrees with f64 at any shape and alignment", "[cuda][norm]", float, bf16) {
  using T = TestType;
  const double tolerance = sizeof(T) == 2 ? 5e-3 : 4e-6;
  Cuda& ctx = cuda(0);
  for (auto [rows, channels, behind] : std::vector<std::array<int64_t, 3>>{
           {2, 1, 0}, {5, 3, 0}, {1025, 67, 0}, {33, 2056, 0}, {300, 64, 1}, {4099, 16, 0}, {700, 256, 0}}) {
    for (bool residual : {false, true}) {
      CAPTURE(rows, channels, behind, residual);
      const int64_t n = rows * channels;
      OnBoth<T> x(n, 1, 3, behind), other(n, 2, 0, behind), y(n, 3, 0, behind), dy(n, 4, 0, behind),
          dx(n, 5, 0, behind);
      OnBoth<T> dresidual(n, 6, 0, behind);
      Numbers weight(channels, 7, 1), bias(channels, 8), mean(channels, 9), invstd(channels, 10);
      Numbers running_mean(channels, 11), running_var(channels, 12, 3), dweight(channels, 13), dbias(channels, 14);
      const BatchNorm<T> here{rows,          channels,    x.data(), residual ? other.data() : nullptr,
                              weight.data(), bias.data(), true};
      const BatchNorm<double> there{rows,
                                    channels,
                                    x.exact.data(),
                                    residual ? other.exact.data() : nullptr,
                                    weight.exact.data(),
                                    bias.exact.data(),
                                    true};
      float *m = mean.data(), *k = invstd.data();
      double *me = mean.exact.data(), *ke = invstd.exact.data();
      batch_norm_train<T>(ctx, here, {1e-5, 0.1, m, k, running_mean.data(), running_var.data()}, y.data());
      batch_norm_train<double>(cpu(), there, {1e-5, 0.1, me, ke, running_mean.exact.data(), running_var.exact.data()},
                               y.exact.data());
      CHECK(mean.error() < 1e-6);
      CHECK(invstd.error() < 2e-6);
      CHECK(running_mean.error() < 1e-6);
      CHECK(running_var.error() < 2e-6);
      CHECK(y.error() < tolerance);
      for (bool training : {true, false}) {
        // The mask is the device's own: an element close to 0 may fall on either side.
        y.exact = y.values();
        batch_norm_backward<T>(ctx, here, training, m, k, y.data(), dy.data(),
                               {dx.data(), residual ? dresidual.data() : nullptr, dweight.data(), dbias.data()});
        batch_norm_backward<double>(
            cpu(), there, training, me, ke, y.exact.data(), dy.exact.data(),
            {dx.exact.data(), residual ? dresidual.exact.data() : nullptr, dweight.exact.data(), dbias.exact.data()});
        const double sums = 1e-6 * double(rows);  // an element of the mask from x
        CHECK(dweight.error() < 1e-5 + sums);
        CHECK(dbias.error() < 1e-5 + sums);
        CHECK(dx.error() < tolerance * 3);
        if (residual) CHECK(dresidual.error() == 0);
      }
      batch_norm_eval<T>(ctx, here, m, k, y.data());
      batch_norm_eval<double>(cpu(), there, me, ke, y.exact.data());
      CHECK(y.error() < tolerance);
    }
  }
}

TEST_CASE("the device's statistics of a batch lose no digits far from zero", "[cuda][norm]") {
  const int64_t rows = 3001, channels = 12;
  Numbers x(rows * channels, 1, 1000), y(rows * channels, 2), mean(channels, 3), invstd(channels, 4);
  batch_norm_train<float>(cuda(0), {.rows = rows, .channels = channels, .x = x.data()},
                          {.mean = mean.data(), .invstd = invstd.data()}, y.data());
  batch_norm_train<double>(cpu(), {.rows = rows, .channels = channels, .x = x.exact.data()},
                           {.mean = mean.exact.data(), .invstd = invstd.exact.data()}, y.exact.data());
  CHECK(mean.error() < 1e-7);
  CHECK(invstd.error() < 1e-5);
  CHECK(y.error() < 2e-4);
}

TEMPLATE_TEST_CASE("layer norm on the device agrees with f64 at any shape and alignment", "[cuda][norm]", float, bf16) {
  using T = TestType;
  const double tolerance = sizeof(T) == 2 ? 8e-3 : 4e-6;
  Cuda& ctx = cuda(0);
  for (auto [rows, cols, behind] : std::vector<std::array<int64_t, 3>>{{0, 5, 0},
                                                                       {3, 1, 0},
                                                                       {37, 3, 0},
                                                                       {300, 64, 0},
                                                                       {70, 255, 0},
                                                                       {9, 768, 0},
                                                                       {9, 768, 1},
                                                                       {5, 4096, 0},
                                                                       {3, 4104, 0}}) {
    CAPTURE(rows, cols, behind);
    const int64_t n = rows * cols;
    OnBoth<T> x(n, 1, 2, behind), y(n, 2, 0, behind), dy(n, 3, 0, behind), dx(n, 4, 0, behind);
    Numbers weight(cols, 5, 1), bias(cols, 6), mean(rows, 7), invstd(rows, 8), dweight(cols, 9), dbias(cols, 10);
    const LayerNorm<T> here{rows, cols, x.data(), weight.data(), bias.data()};
    const LayerNorm<double> there{rows, cols, x.exact.data(), weight.exact.data(), bias.exact.data()};
    layer_norm<T>(ctx, here, 1e-5, y.data(), mean.data(), invstd.data());
    layer_norm<double>(cpu(), there, 1e-5, y.exact.data(), mean.exact.data(), invstd.exact.data());
    CHECK(y.error() < tolerance);
    CHECK(mean.error() < 1e-6);
    CHECK(invstd.error() < 2e-6);
    layer_norm_backward<T>(ctx, here, mean.data(), invstd.data(), dy.data(), {dx.data(), dweight.data(), dbias.data()});
    layer_norm_backward<double>(cpu(), there, mean.exact.data(), invstd.exact.data(), dy.exact.data(),
                                {dx.exact.data(), dweight.exact.data(), dbias.exact.data()});
    CHECK(dx.error() < tolerance);
    CHECK(dweight.error() < 1e-5);
    CHECK(dbias.error() < 1e-5);
  }
}

TEMPLATE_TEST_CASE("group norm on the device agrees with f64 at any shape", "[cuda][norm]", float, bf16) {
  using T = TestType;
  const double tolerance = sizeof(T) == 2 ? 8e-3 : 4e-6;
  Cuda& ctx = cuda(0);
  for (auto [samples, rows, channels, groups] : std::vector<std::array<int64_t, 4>>{
           {0, 5, 4, 2}, {1, 1, 6, 3}, {3, 37, 6, 2}, {2, 700, 64, 32}, {2, 49, 48, 3}, {35, 33, 40, 40}}) {
    CAPTURE(samples, rows, channels, groups);
    const int64_t n = samples * rows * channels, statistics = samples * groups;
    OnBoth<T> x(n, 1, 2), y(n, 2), dy(n, 3), dx(n, 4);
    Numbers weight(channels, 5, 1), bias(channels, 6), mean(statistics, 7), invstd(statistics, 8);
    Numbers dweight(channels, 9), dbias(channels, 10);
    const GroupNorm<T> here{samples, rows, channels, groups, x.data(), weight.data(), bias.data()};
    const GroupNorm<double> there{samples,          rows, channels, groups, x.exact.data(), weight.exact.data(),
                                  bias.exact.data()};
    group_norm<T>(ctx, here, 1e-5, y.data(), mean.data(), invstd.data());
    group_norm<double>(cpu(), there, 1e-5, y.exact.data(), mean.exact.data(), invstd.exact.data());
    CHECK(y.error() < tolerance);
    CHECK(mean.error() < 1e-6);
    CHECK(invstd.error() < 2e-6);
    group_norm_backward<T>(ctx, here, mean.data(), invstd.data(), dy.data(), {dx.data(), dweight.data(), dbias.data()});
    group_norm_backward<double>(cpu(), there, mean.exact.data(), invstd.exact.data(), dy.exact.data(),
                                {dx.exact.data(), dweight.exact.data(), dbias.exact.data()});
    CHECK(dx.error() < tolerance);
    CHECK(dweight.error() < 1e-5);
    CHECK(dbias.error() < 1e-5);
  }
}
