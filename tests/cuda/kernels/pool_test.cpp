#include <fovea/kernels/pool.h>

#include <fovea/kernels/resize.h>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

const Pool2dShape kWindows[] = {
    {2, 7, 9, 16, 4, 5, {3, 2, 1}, {3, 2, 1}},        // windows that overlap
    {1, 8, 8, 3, 3, 3, {2, 3, 0}, {2, 3, 0}},         // with gaps between
    {1, 5, 6, 8, 2, 2, {3, 3, 1}, {4, 4, 1}, false},  // padding that does not count
    {2, 4, 5, 5, 4, 5, {1, 1, 0}, {1, 1, 0}},         //
    {0, 4, 4, 8, 2, 2, {2, 2, 0}, {2, 2, 0}},         // no image
};

template <class T, class Index>
void same_max_pools(const Pool2dShape& s, int64_t offset) {
  const int64_t in = s.n * s.h * s.w * s.c, out = s.n * s.out_h * s.out_w * s.c;
  std::vector<T> x = numbers<T>(in, 1);
  for (T& v : x) v = T(std::round(float(v) * 2));  // ties
  if (in > 40) x[40] = x[20] = T(float(NAN));
  const std::vector<T> dy = numbers<T>(out, 2);
  std::vector<T> y(static_cast<size_t>(out)), dx(static_cast<size_t>(in));
  std::vector<Index> argmax(static_cast<size_t>(out));
  OnDevice<T> x_there(x, offset), y_there(y, offset), dy_there(dy, offset), dx_there(dx, offset);
  OnDevice<Index> argmax_there(argmax, offset);
  max_pool2d(cpu(), s, x.data(), y.data(), argmax.data());
  max_pool2d(cuda(0), s, x_there.data(), y_there.data(), argmax_there.data());
  CHECK(argmax_there.host() == argmax);
  std::vector<T> found = y_there.host();
  for (size_t i = 0; i < y.size(); ++i) {
    const float a = float(found[i]), b = float(y[i]);
    CHECK((a == b || (std::isnan(a) && std::isnan(b))));
  }
  max_pool2d_backward(cpu(), s, dy.data(), argmax.data(), dx.data());
  max_pool2d_backward(cuda(0), s, dy_there.data(), argmax_there.data(), dx_there.data());
  CHECK(difference(widened(dx_there.host()), widened(dx)) <= (sizeof(T) == 2 ? 4e-3 : 1e-6));
}

template <class T, class Out>
void same_avg_pools(const Pool2dShape& s, int64_t offset) {
  const int64_t in = s.n * s.h * s.w * s.c, out = s.n * s.out_h * s.out_w * s.c;
  const double tolerance = sizeof(T) == 2 ? 4e-3 : 1e-6;
  const std::vector<T> x = numbers<T>(in, 1);
  const std::vector<Out> dy = numbers<Out>(out, 2);
  std::vector<Out> y(static_cast<size_t>(out));
  std::vector<T> dx(static_cast<size_t>(in));
  OnDevice<T> x_there(x, offset), dx_there(dx, offset);
  OnDevice<Out> y_there(y, offset), dy_there(dy, offset);
  avg_pool2d(cpu(), s, x.data(), y.data());
  avg_pool2d(cuda(0), s, x_there.data(), y_there.data());
  CHECK(difference(widened(y_there.host()), widened(y)) <= tolerance);
  avg_pool2d_backward(cpu(), s, dy.data(), dx.data());
  avg_pool2d_backward(cuda(0), s, dy_there.data(), dx_there.data());
  CHECK(difference(widened(dx_there.host()), widened(dx)) <= tolerance);
}

}  // namespace

TEST_CASE("maxima of windows, their places and gradients on the device are the CPU's", "[cuda][pool]") {
  for (const Pool2dShape& s : kWindows)
    for (int64_t offset : {0, 1}) {
      INFO(s.h << " x " << s.w << " x " << s.c << ", offset " << offset);
      same_max_pools<float, uint8_t>(s, offset);
      same_max_pools<bf16, uint8_t>(s, offset);
      same_max_pools<float, int64_t>(s, offset);
      same_max_pools<bf16, int64_t>(s, offset);
    }
}

TEST_CASE("means of windows and their gradients on the device are the CPU's, adaptive ones too", "[cuda][pool]") {
  std::vector<Pool2dShape> shapes(std::begin(kWindows), std::end(kWindows));
  for (auto [h, w] : {std::pair{1, 1}, {3, 2}, {7, 9}, {11, 13}}) shapes.push_back({2, 7, 9, 8, h, w});
  for (const Pool2dShape& s : shapes)
    for (int64_t offset : {0, 1}) {
      INFO(s.h << " x " << s.w << " x " << s.c << " to " << s.out_h << " x " << s.out_w << ", offset " << offset);
      same_avg_pools<float, float>(s, offset);
      same_avg_pools<bf16, bf16>(s, offset);
      same_avg_pools<bf16, float>(s, offset);
    }
}

TEMPLATE_TEST_CASE("images are resized on the device as on the CPU, and back", "[cuda][resize]", float, bf16) {
  using T = TestType;
  for (bool antialias : {false, true})
    for (int64_t c : {3, 8})
      for (int64_t offset : {0, 1}) {
        const ResampleTable table_rows = resample_table(9, 5, {.cubic = true, .antialias = antialias}),
                            table_cols = resample_table(6, 11, {.antialias = antialias});
        for (bool back : {false, true}) {
          INFO(c << " channels, offset " << offset << (back ? ", back" : ""));
          const ResampleTable rows = back ? transposed(table_rows) : table_rows,
                              cols = back ? transposed(table_cols) : table_cols;
          const std::vector<float> row_weight(rows.weight.begin(), rows.weight.end()),
              col_weight(cols.weight.begin(), cols.weight.end());
          const int64_t n = 2, out = n * rows.out * cols.out * c;
          const std::vector<T> x = numbers<T>(n * rows.in * cols.in * c, 1);
          std::vector<T> y(static_cast<size_t>(out));
          OnDevice<T> x_there(x, offset), y_there(y, offset);
          OnDevice<int64_t> row_start(rows.start), col_start(cols.start);
          OnDevice<float> row_there(row_weight), col_there(col_weight);
          resample2d<T>(cpu(), n, c, {rows.in, rows.out, rows.taps, rows.start.data(), row_weight.data()},
                        {cols.in, cols.out, cols.taps, cols.start.data(), col_weight.data()}, x.data(), y.data());
          resample2d<T>(cuda(0), n, c, {rows.in, rows.out, rows.taps, row_start.data(), row_there.data()},
                        {cols.in, cols.out, cols.taps, col_start.data(), col_there.data()}, x_there.data(),
                        y_there.data());
          CHECK(difference(widened(y_there.host()), widened(y)) <= (sizeof(T) == 2 ? 4e-3 : 1e-6));
        }
      }
}
