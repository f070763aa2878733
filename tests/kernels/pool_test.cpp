#include <fovea/kernels/pool.h>

#include <cmath>
#include <vector>

#include <fovea/kernels/pool/pool_isa.h>

#include "support/catch.h"
#include "support/numbers.h"

using namespace fovea::kernels;
using namespace fovea::testing;

// Max and average pooling by the definition, one element at a time.
struct Reference {
  std::vector<float> max, avg;
};
static Reference reference(const Pool2dShape& s, const std::vector<float>& x) {
  Reference out;
  for (int64_t i = 0; i < s.n * s.out_h * s.out_w * s.c; ++i) {
    const int64_t c = i % s.c, ox = i / s.c % s.out_w, oy = i / s.c / s.out_w % s.out_h,
                  n = i / s.c / s.out_w / s.out_h;
    float max = -INFINITY, sum = 0;
    for (int64_t ky = 0; ky < s.rows.kernel; ++ky) {
      for (int64_t kx = 0; kx < s.cols.kernel; ++kx) {
        const int64_t iy = oy * s.rows.stride - s.rows.padding + ky, ix = ox * s.cols.stride - s.cols.padding + kx;
        if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) continue;
        const float v = x[size_t(((n * s.h + iy) * s.w + ix) * s.c + c)];
        max = std::max(max, v);
        sum += v;
      }
    }
    out.max.push_back(max);
    out.avg.push_back(sum / float(s.rows.kernel * s.cols.kernel));
  }
  return out;
}

TEST_CASE("pooling agrees with its definition for any number of channels and threads", "[kernels][pool]") {
  const int before = threads();
  for (int64_t c : {1, 3, 16, 67, 513, 1030}) {
    CAPTURE(c);
    const Pool2dShape s{.n = 3, .h = 9, .w = 8, .c = c, .out_h = 5, .out_w = 4, .rows = {3, 2, 1}, .cols = {3, 2, 1}};
    const std::vector<float> x = pseudo_normal(s.n * s.h * s.w * c, 1);
    const Reference want = reference(s, x);
    for (int count : {1, 3}) {
      set_threads(count);
      std::vector<float> max(want.max.size()), avg(want.max.size());
      std::vector<uint8_t> argmax(max.size());
      max_pool2d<float, uint8_t>(cpu(), s, x.data(), max.data(), argmax.data());
      CHECK(max == want.max);
      avg_pool2d<float, float>(cpu(), s, x.data(), avg.data());
      CHECK(largest_difference(avg, want.avg) < 1e-6);
      // <y, dy> = <x, dx> for what is linear in x: the average, and the maximum with its places held.
      const std::vector<float> dy = pseudo_normal(int64_t(max.size()), 2);
      std::vector<float> from_max(x.size()), from_avg(x.size());
      max_pool2d_backward<float, uint8_t>(cpu(), s, dy.data(), argmax.data(), from_max.data());
      avg_pool2d_backward<float, float>(cpu(), s, dy.data(), from_avg.data());
      double forward_max = 0, forward_avg = 0, backward_max = 0, backward_avg = 0;
      for (size_t i = 0; i < max.size(); ++i)
        forward_max += double(max[i]) * dy[i], forward_avg += double(avg[i]) * dy[i];
      for (size_t i = 0; i < x.size(); ++i)
        backward_max += double(x[i]) * from_max[i], backward_avg += double(x[i]) * from_avg[i];
      CHECK(backward_max == Approx(forward_max).epsilon(1e-5).margin(1e-3));
      CHECK(backward_avg == Approx(forward_avg).epsilon(1e-5).margin(1e-3));
    }
  }
  set_threads(before);
}

#if defined(__x86_64__)
template <Isa I, class T>
static std::vector<float> all_rows(const std::vector<T>& x) {  // an image [2, 3, 21], two windows of 2x2
  const PoolWindow windows[] = {{0, 2, 4}, {1, 3, 4}};
  const PoolCover covers[] = {{0, 1}, {0, 2}, {1, 2}};
  const PoolRow row{.w = 3, .c = 21, .out_w = 2, .kernel_w = 2, .row = {0, 2, 2}, .windows = windows};
  std::vector<T> max(42), avg(42), from_max(63), from_avg(63);
  std::vector<uint8_t> argmax(42);
  max_pool_row<I, T, uint8_t>(row, x.data(), max.data(), argmax.data());
  avg_pool_row<I, T, T>(row, x.data(), avg.data());
  const PoolGradientRow gradient{.y = 0,
                                 .w = 3,
                                 .c = 21,
                                 .out_w = 2,
                                 .kernel_w = 2,
                                 .cover = {0, 1},
                                 .rows = &row.row,
                                 .windows = windows,
                                 .covers = covers,
                                 .stream = true};
  max_pool_gradient_row<I, T, uint8_t>(gradient, x.data(), argmax.data(), from_max.data());
  avg_pool_gradient_row<I, T, T>(gradient, x.data(), from_avg.data());
  std::vector<float> all(argmax.begin(), argmax.end());
  for (const auto& part : {max, avg, from_max, from_avg})
    for (T v : part) all.push_back(float(v));
  return all;
}

TEMPLATE_TEST_CASE("pooling's loops agree between instruction sets", "[kernels][pool]", float, double, fovea::bf16) {
  std::vector<TestType> x;
  for (float v : pseudo_normal(2 * 3 * 21, 3)) x.push_back(TestType(v));
  const std::vector<float> plain = all_rows<Isa::plain>(x);
  if (isa() >= Isa::avx2) CHECK(largest_difference(plain, all_rows<Isa::avx2>(x)) < 1e-6);
  if (isa() >= Isa::avx512) CHECK(largest_difference(plain, all_rows<Isa::avx512>(x)) < 1e-6);
}
#endif
