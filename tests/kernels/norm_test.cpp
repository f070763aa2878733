#include <fovea/kernels/norm.h>

#include <cmath>
#include <vector>

#include <fovea/kernels/base/stores.h>
#include <fovea/kernels/norm/norm_isa.h>
#include <fovea/kernels/norm/norm_layer_isa.h>

#include "support/catch.h"
#include "support/numbers.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

// Mean and biased variance of each column.
static std::vector<std::pair<double, double>> column_statistics(const std::vector<float>& x, int64_t rows,
                                                                int64_t channels) {
  std::vector<std::pair<double, double>> out;
  for (int64_t c = 0; c < channels; ++c) {
    double mean = 0, var = 0;
    for (int64_t r = 0; r < rows; ++r) mean += double(x[size_t(r * channels + c)]) / double(rows);
    for (int64_t r = 0; r < rows; ++r) var += std::pow(double(x[size_t(r * channels + c)]) - mean, 2) / double(rows);
    out.push_back({mean, var});
  }
  return out;
}

struct Result {
  std::vector<float> y, mean, invstd;
};

static Result train(const std::vector<float>& x, int64_t rows, int64_t channels, bool relu = false,
                    const std::vector<float>& residual = {}) {
  Result out{std::vector<float>(x.size()), std::vector<float>(size_t(channels)), std::vector<float>(size_t(channels))};
  BatchNorm<float> norm{.rows = rows, .channels = channels, .x = x.data(), .relu = relu};
  if (!residual.empty()) norm.residual = residual.data();
  batch_norm_train<float>(cpu(), norm, {.mean = out.mean.data(), .invstd = out.invstd.data()}, out.y.data());
  return out;
}

TEST_CASE("batch norm's statistics are exact to float at any shape and far from zero", "[kernels][norm]") {
  const float offset = GENERATE(0.0f, 1000.0f);
  for (auto [rows, channels] :
       std::vector<std::pair<int64_t, int64_t>>{{2, 1}, {5, 3}, {1025, 67}, {33, 2050}, {4099, 16}}) {
    std::vector<float> x = pseudo_normal(rows * channels, 1);
    for (float& v : x) v += offset;
    Result got = train(x, rows, channels);
    auto want = column_statistics(x, rows, channels);
    double worst_mean = 0, worst_std = 0, worst_y = 0;
    for (int64_t i = 0; i < rows * channels; ++i) {
      auto [mean, var] = want[size_t(i % channels)];
      const size_t c = size_t(i % channels);
      worst_mean = std::max(worst_mean, std::abs(double(got.mean[c]) - mean) / (1 + std::abs(mean)));
      worst_std = std::max(worst_std, std::abs(double(got.invstd[c]) * std::sqrt(var + 1e-5) - 1));
      worst_y =
          std::max(worst_y, std::abs(double(got.y[size_t(i)]) - (double(x[size_t(i)]) - mean) / std::sqrt(var + 1e-5)));
    }
    CAPTURE(rows, channels, offset);
    CHECK(worst_mean < 5e-7);
    CHECK(worst_std < 2e-6);
    CHECK(worst_y < (offset == 0 ? 1e-5 : 5e-4));  // a mean of 1000 is known to 6e-5
  }
}

TEST_CASE("batch norm gives the same bits with any number of threads", "[kernels][norm]") {
  const int64_t rows = 5000, channels = 37;
  const std::vector<float> x = pseudo_normal(rows * channels, 2), residual = pseudo_normal(rows * channels, 3),
                           dy = pseudo_normal(rows * channels, 4);
  const int before = threads();
  std::vector<std::vector<float>> results;
  for (int count : {1, 2, 3}) {
    set_threads(count);
    Result forward = train(x, rows, channels, true, residual);
    std::vector<float> dx(x.size()), dresidual(x.size()), dweight(37), dbias(37), all = forward.y;
    batch_norm_backward<float>(cpu(), {.rows = rows, .channels = channels, .x = x.data(), .relu = true}, true,
                               forward.mean.data(), forward.invstd.data(), forward.y.data(), dy.data(),
                               {dx.data(), dresidual.data(), dweight.data(), dbias.data()});
    for (const auto& part : {forward.mean, forward.invstd, dx, dresidual, dweight, dbias})
      all.insert(all.end(), part.begin(), part.end());
    results.push_back(all);
  }
  set_threads(before);
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("batch norm of a tensor too large for the caches gives what its slices give", "[kernels][norm]") {
  const int64_t channels = 67, rows = kStreamBytes / 4 / channels + 1000;  // results go around the caches
  const std::vector<float> x = pseudo_normal(rows * channels, 5);
  const std::vector<float> mean(size_t(channels), 0.25f), invstd(size_t(channels), 1.5f);
  std::vector<float> y(x.size()), dx(x.size()), dweight(67), dbias(67);
  BatchNorm<float> norm{.rows = rows, .channels = channels, .x = x.data(), .relu = true};
  batch_norm_eval<float>(cpu(), norm, mean.data(), invstd.data(), y.data());
  batch_norm_backward<float>(cpu(), norm, false, mean.data(), invstd.data(), nullptr, x.data(),
                             {.dx = dx.data(), .dweight = dweight.data(), .dbias = dbias.data()});
  int64_t wrong = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const float want = std::max(0.0f, (x[i] - 0.25f) * 1.5f);
    wrong += std::abs(y[i] - want) > 1e-6f * (1 + want) || std::abs(dx[i] - (want > 0 ? 1.5f * x[i] : 0.0f)) > 1e-5f;
  }
  CHECK(wrong == 0);
}

TEST_CASE("batch norm's gradients may replace the gradient that they come from", "[kernels][norm]") {
  const int64_t rows = 130, channels = 19;
  const std::vector<float> x = pseudo_normal(rows * channels, 6), residual = pseudo_normal(rows * channels, 7),
                           dy = pseudo_normal(rows * channels, 8);
  Result forward = train(x, rows, channels, true, residual);
  const BatchNorm<float> norm{.rows = rows, .channels = channels, .x = x.data(), .relu = true};
  auto backward = [&](bool with_residual, float* dx, float* dresidual, const float* from) {
    std::vector<float> dweight(19), dbias(19);
    batch_norm_backward<float>(cpu(), norm, true, forward.mean.data(), forward.invstd.data(),
                               with_residual ? forward.y.data() : nullptr, from,
                               {dx, dresidual, dweight.data(), dbias.data()});
  };
  std::vector<float> dx(x.size()), dresidual(x.size()), dx_again(x.size()), in_place = dy;
  backward(true, dx.data(), dresidual.data(), dy.data());
  backward(true, dx_again.data(), in_place.data(), in_place.data());
  CHECK(dx == dx_again);
  CHECK(dresidual == in_place);
  in_place = dy;
  backward(false, dx.data(), nullptr, dy.data());
  backward(false, in_place.data(), nullptr, in_place.data());
  CHECK(dx == in_place);
}

TEST_CASE("a NaN in one channel shows in that channel alone, through the ReLU", "[kernels][norm]") {
  std::vector<float> x = pseudo_normal(8 * 3, 9);
  x[7] = NAN;
  Result got = train(x, 8, 3, true);
  for (size_t i = 0; i < x.size(); ++i) CHECK(std::isnan(got.y[i]) == (i % 3 == 1));
}

TEST_CASE("layer and group norm give the same bits with any number of threads", "[kernels][norm]") {
  const int64_t rows = 2000, cols = 70;
  const std::vector<float> x = pseudo_normal(rows * cols, 11), dy = pseudo_normal(rows * cols, 12);
  const int before = threads();
  std::vector<std::vector<float>> results;
  for (int count : {1, 2, 3}) {
    set_threads(count);
    std::vector<float> all, y(x.size()), dx(x.size()), mean(2000), invstd(2000), dweight(70), dbias(70);
    auto keep = [&] {
      for (const auto& part : {y, dx, mean, invstd, dweight, dbias}) all.insert(all.end(), part.begin(), part.end());
    };
    const LayerNorm<float> layer{.rows = rows, .cols = cols, .x = x.data()};
    layer_norm<float>(cpu(), layer, 1e-5, y.data(), mean.data(), invstd.data());
    layer_norm_backward<float>(cpu(), layer, mean.data(), invstd.data(), dy.data(),
                               {dx.data(), dweight.data(), dbias.data()});
    keep();
    const GroupNorm<float> group{.samples = 2, .rows = 1000, .channels = cols, .groups = 7, .x = x.data()};
    group_norm<float>(cpu(), group, 1e-5, y.data(), mean.data(), invstd.data());
    group_norm_backward<float>(cpu(), group, mean.data(), invstd.data(), dy.data(),
                               {dx.data(), dweight.data(), dbias.data()});
    keep();
    results.push_back(all);
  }
  set_threads(before);
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("group norm of a large sample of many channels agrees with its definition", "[kernels][norm]") {
  const int64_t rows = 70, channels = 1100, groups = 11, per_group = channels / groups;  // several blocks either way
  const std::vector<float> x = pseudo_normal(rows * channels, 13);
  std::vector<float> y(x.size()), mean(11), invstd(11);
  group_norm<float>(cpu(), {.samples = 1, .rows = rows, .channels = channels, .groups = groups, .x = x.data()}, 1e-5,
                    y.data(), mean.data(), invstd.data());
  double worst = 0;
  for (int64_t g = 0; g < groups; ++g) {
    double sum = 0, square = 0;
    const double count = double(rows * per_group);
    auto value = [&](int64_t i) { return double(x[size_t(i / per_group * channels + g * per_group + i % per_group)]); };
    for (int64_t i = 0; i < rows * per_group; ++i) sum += value(i) / count;
    for (int64_t i = 0; i < rows * per_group; ++i) square += std::pow(value(i) - sum, 2) / count;
    worst = std::max({worst, std::abs(double(mean[size_t(g)]) - sum),
                      std::abs(double(invstd[size_t(g)]) * std::sqrt(square + 1e-5) - 1)});
  }
  CHECK(worst < 1e-6);
}

#if defined(__x86_64__)
template <Isa I, class T>
static std::vector<float> one_block(const std::vector<T>& x) {
  using A = accumulator_t<T>;
  const int64_t cols = 37, rows = int64_t(x.size()) / cols;
  const RowBlock block{rows, cols, cols};
  std::vector<A> mean(37), squares(37), scale(37, 1.25), shift(37, -0.1), sums(37), moments(37);
  std::vector<T> y(x.size()), dx(x.size());
  column_moments<I>(block, x.data(), mean.data(), squares.data());
  const Columns<A> columns{mean.data(), scale.data(), shift.data()};
  normalize_rows<I, T>(block, columns, A(0), x.data(), x.data(), y.data(), true);
  gradient_sums<I, T>(block, columns, Mask::from_x, x.data(), nullptr, x.data(), nullptr, sums.data(), moments.data());
  gradient_rows<I, T>(block, columns, {scale.data(), shift.data(), mean.data()}, Mask::from_x, x.data(), x.data(),
                      dx.data(), false);
  std::vector<T> layer_y(37), layer_dx(37);
  A layer_mean, layer_invstd;
  layer_norm_row<I, T>(37, x.data(), scale.data(), shift.data(), A(1e-5), layer_y.data(), &layer_mean, &layer_invstd);
  layer_norm_gradient_row<I, T>(37, x.data(), scale.data(), layer_mean, layer_invstd, x.data() + 37, layer_dx.data(),
                                sums.data(), moments.data());
  std::vector<float> all;
  for (const auto& part : {mean, squares, sums, moments}) all.insert(all.end(), part.begin(), part.end());
  for (const auto& part : {y, dx, layer_y, layer_dx})
    for (T v : part) all.push_back(float(v));
  return all;
}

template <class T>
constexpr double tolerance_of = 2e-6;
template <>
constexpr double tolerance_of<bf16> = 0.01;  // a value between two bf16 may go either way

TEMPLATE_TEST_CASE("the norms' loops agree between instruction sets", "[kernels][norm]", float, double, bf16) {
  std::vector<TestType> x;
  for (float v : pseudo_normal(50 * 37, 10)) x.push_back(TestType(v));
  const std::vector<float> plain = one_block<Isa::plain>(x);
  if (isa() >= Isa::avx2) CHECK(largest_difference(plain, one_block<Isa::avx2>(x)) < tolerance_of<TestType>);
  if (isa() >= Isa::avx512) CHECK(largest_difference(plain, one_block<Isa::avx512>(x)) < tolerance_of<TestType>);
}
#endif
