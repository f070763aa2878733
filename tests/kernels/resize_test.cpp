#include <fovea/kernels/resize.h>

#include <vector>

#include <fovea/kernels/image/resize_isa.h>

#include "support/catch.h"
#include "support/numbers.h"

using namespace fovea::kernels;
using namespace fovea::testing;

TEST_CASE("every resampling keeps a constant and reads inside the image", "[kernels][resize]") {
  for (int64_t in : {1, 2, 5, 31})
    for (int64_t out : {1, 3, 5, 64})
      for (ResampleFilter filter :
           {ResampleFilter{false, false, false}, ResampleFilter{false, true, false}, ResampleFilter{false, false, true},
            ResampleFilter{true, false, false}, ResampleFilter{true, true, false}, ResampleFilter{true, false, true}}) {
        const ResampleTable table = resample_table(in, out, filter);
        CAPTURE(in, out, filter.cubic, filter.align_corners, filter.antialias);
        REQUIRE(int64_t(table.start.size()) == out);
        for (int64_t o = 0; o < out; ++o) {
          double sum = 0;
          for (int64_t k = 0; k < table.taps; ++k) sum += table.weight[size_t(o * table.taps + k)];
          CHECK(sum == Approx(1).epsilon(1e-12));
          CHECK((table.start[size_t(o)] >= 0 && table.start[size_t(o)] + table.taps <= in));
        }
      }
}

TEST_CASE("a transposed table holds the same weights the other way round", "[kernels][resize]") {
  for (int64_t out : {2, 7, 40}) {
    const ResampleTable table = resample_table(13, out, {.cubic = true}), back = transposed(table);
    CHECK(back.in == out);
    CHECK(back.out == 13);
    std::vector<double> matrix(size_t(13 * out)), other(size_t(13 * out));
    for (int64_t o = 0; o < out; ++o)
      for (int64_t k = 0; k < table.taps; ++k)
        matrix[size_t((table.start[size_t(o)] + k) * out + o)] += table.weight[size_t(o * table.taps + k)];
    for (int64_t i = 0; i < 13; ++i)
      for (int64_t k = 0; k < back.taps; ++k)
        other[size_t(i * out + back.start[size_t(i)] + k)] += back.weight[size_t(i * back.taps + k)];
    CHECK(matrix == other);
  }
}

TEST_CASE("resampling agrees with its table for any number of channels and threads", "[kernels][resize]") {
  const ResampleTable table = resample_table(9, 6, {.antialias = true});
  std::vector<float> weight(table.weight.begin(), table.weight.end());
  const ResampleAxis<float> axis{9, 6, table.taps, table.start.data(), weight.data()};
  const int before = threads();
  for (int64_t c : {1, 17, 515}) {
    const std::vector<float> x = pseudo_normal(2 * 9 * 9 * c, 1);
    std::vector<float> want;
    for (int64_t i = 0; i < 2 * 6 * 6 * c; ++i) {
      const int64_t ch = i % c, ox = i / c % 6, oy = i / c / 6 % 6, n = i / c / 36;
      double sum = 0;
      for (int64_t a = 0; a < table.taps; ++a)
        for (int64_t b = 0; b < table.taps; ++b)
          sum += table.weight[size_t(oy * table.taps + a)] * table.weight[size_t(ox * table.taps + b)] *
                 double(x[size_t(((n * 9 + table.start[size_t(oy)] + a) * 9 + table.start[size_t(ox)] + b) * c + ch)]);
      want.push_back(float(sum));
    }
    for (int count : {1, 3}) {
      set_threads(count);
      std::vector<float> y(want.size());
      resample2d<float>(cpu(), 2, c, axis, axis, x.data(), y.data());
      CHECK(largest_difference(y, want) < 1e-6);
    }
  }
  set_threads(before);
}

#if defined(__x86_64__)
template <Isa I>
static std::vector<float> one_row(const ResampleTable& table, const std::vector<float>& x) {
  std::vector<float> weight(table.weight.begin(), table.weight.end()), mixed(9 * 21), y(6 * 21);
  const ResampleAxis<float> axis{9, 6, table.taps, table.start.data(), weight.data()};
  resample_row<I, float>(table.taps, weight.data(), 21, axis, x.data(), mixed.data(), y.data());
  return y;
}

TEST_CASE("resampling's loops agree between instruction sets", "[kernels][resize]") {
  const ResampleTable table = resample_table(9, 6, {.cubic = true, .antialias = true});
  const std::vector<float> x = pseudo_normal(9 * 9 * 21, 2), plain = one_row<Isa::plain>(table, x);
  if (isa() >= Isa::avx2) CHECK(largest_difference(plain, one_row<Isa::avx2>(table, x)) < 1e-6);
  if (isa() >= Isa::avx512) CHECK(largest_difference(plain, one_row<Isa::avx512>(table, x)) < 1e-6);
}
#endif
