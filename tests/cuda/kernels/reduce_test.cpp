#include <fovea/kernels/reduce.h>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

// Every way of cutting: lanes of a warp, a block, chunks; columns narrow, wide, tall, deep; nothing.
const ReduceShape kShapes[] = {
    {37, 3, 1}, {5, 32, 1},   {3, 1024, 1}, {2, 1025, 1}, {2, 5000, 1},  {1, 40004, 1}, {2, 16392, 1}, {1, 17000, 1},
    {1, 1, 1},  {4, 0, 1},    {0, 5, 1},    {300, 2, 3},  {1, 40000, 1}, {3, 33, 8},    {2, 3000, 40}, {1, 9000, 3},
    {2, 1, 5},  {70, 49, 24}, {2, 0, 4},    {1, 5, 1037}, {5, 4, 16},    {1, 4500, 8},  {1, 65600, 2},
};

template <class T, class Result, class F>
void same_on_both(const ReduceShape& s, const std::vector<T>& x, int64_t offset, double tolerance, F&& f) {
  INFO("shape " << s.outer << " " << s.reduce << " " << s.inner << ", offset " << offset);
  std::vector<Result> wanted(size_t(s.outer * s.inner));
  OnDevice<T> there(x, offset);
  OnDevice<Result> y = OnDevice<Result>::zeros(s.outer * s.inner, offset);
  f(cpu(), x.data(), wanted.data());
  f(cuda(0), static_cast<const T*>(there.data()), y.data());
  CHECK(difference(widened(y.host()), widened(wanted)) <= tolerance);
}

}  // namespace

TEMPLATE_TEST_CASE("sums on the device agree with the CPU's for every shape and alignment", "[cuda][reduce]", float,
                   bf16) {
  using T = TestType;
  for (const ReduceShape& s : kShapes)
    for (int64_t offset : {0, 1})
      same_on_both<T, float>(s, numbers<T>(s.outer * s.reduce * s.inner, 1), offset, 2e-5,
                             [&](auto& ctx, const T* x, float* y) {
                               reduce_sum<Itself>(ctx, x, static_cast<const float*>(nullptr), y, s, 0.25);
                             });
}

TEMPLATE_TEST_CASE("extremes and their places on the device are the CPU's, with ties and NaN", "[cuda][reduce]", float,
                   bf16) {
  using T = TestType;
  for (const ReduceShape& s : kShapes) {
    if (s.reduce == 0) continue;
    std::vector<T> x = numbers<T>(s.outer * s.reduce * s.inner, 1);
    for (T& v : x) v = T(std::round(float(v) * 4));  // ties
    same_on_both<T, float>(s, x, 0, 0, [&](auto& ctx, const T* p, float* y) { reduce_max(ctx, p, y, s); });
    same_on_both<T, float>(s, x, 1, 0, [&](auto& ctx, const T* p, float* y) { reduce_min(ctx, p, y, s); });
    same_on_both<T, int64_t>(s, x, 0, 0, [&](auto& ctx, const T* p, int64_t* y) { argmax(ctx, p, y, s); });
    if (x.empty()) continue;
    const size_t last = size_t((s.reduce - 1) * s.inner), middle = size_t(s.reduce / 2 * s.inner);
    x[last] = x[middle] = T(float(NAN));
    same_on_both<T, int64_t>(s, x, 1, 0, [&](auto& ctx, const T* p, int64_t* y) { argmax(ctx, p, y, s); });
    OnDevice<T> there(x);
    OnDevice<float> y = OnDevice<float>::zeros(s.outer * s.inner);
    reduce_max(cuda(0), there.data(), y.data(), s);
    CHECK(std::isnan(y.host()[0]));
    reduce_min(cuda(0), there.data(), y.data(), s);
    CHECK(std::isnan(y.host()[0]));
  }
}

TEST_CASE("the place of the largest is the first also where all are -infinity", "[cuda][reduce]") {
  for (int64_t n : {1, 33, 20000}) {
    OnDevice<float> x(std::vector<float>(size_t(n), -INFINITY));
    OnDevice<int64_t> y(std::vector<int64_t>{-1});
    argmax(cuda(0), x.data(), y.data(), {1, n, 1});
    CHECK(y.host()[0] == 0);
  }
}

TEMPLATE_TEST_CASE("sums around a centre and their gradients on the device agree with the CPU's", "[cuda][reduce]",
                   float, bf16) {
  using T = TestType;
  for (const ReduceShape& s : kShapes)
    for (int64_t offset : {0, 1}) {
      const int64_t n = s.outer * s.reduce * s.inner, kept = s.outer * s.inner;
      const std::vector<T> x = numbers<T>(n, 1);
      const std::vector<float> a = numbers<float>(kept, 2), dy = numbers<float>(kept, 3);
      OnDevice<float> centre(a, offset), slope(dy, offset);
      same_on_both<T, float>(s, x, offset, 2e-5, [&](auto& ctx, const T* p, float* y) {
        if constexpr (std::is_same_v<decltype(ctx), Cpu&>)
          reduce_sum<CenteredSquare>(ctx, p, a.data(), y, s, 0.5);
        else
          reduce_sum<CenteredSquare>(ctx, p, static_cast<const float*>(centre.data()), y, s, 0.5);
      });
      std::vector<T> wanted(static_cast<size_t>(n));
      OnDevice<T> there(x, offset), dx = OnDevice<T>::zeros(n, offset);
      INFO("shape " << s.outer << " " << s.reduce << " " << s.inner << ", offset " << offset);
      const T* none = nullptr;
      reduce_spread<One>(cpu(), dy.data(), none, nullptr, wanted.data(), s, 0.3);
      reduce_spread<One>(cuda(0), slope.data(), none, nullptr, dx.data(), s, 0.3);
      CHECK(difference(widened(dx.host()), widened(wanted)) <= 4e-3);
      reduce_spread<Centered>(cpu(), dy.data(), x.data(), a.data(), wanted.data(), s, 0.3);
      reduce_spread<Centered>(cuda(0), slope.data(), there.data(), centre.data(), dx.data(), s, 0.3);
      CHECK(difference(widened(dx.host()), widened(wanted)) <= (sizeof(T) == 2 ? 8e-3 : 1e-6));
    }
}

TEMPLATE_TEST_CASE("rows of any width are normalised on the device, and back", "[cuda][reduce]", float, bf16) {
  using T = TestType;
  const double tolerance = sizeof(T) == 2 ? 8e-3 : 1e-5;
  for (int64_t cols : {0, 2, 5, 40, 512, 520, 4096, 4101, 4104})
    for (int64_t offset : {0, 1}) {
      const int64_t rows = 3, n = rows * cols;
      const double eps = cols == 5 ? 100 : 1e-6;
      INFO(cols << " columns, offset " << offset);
      const std::vector<T> x = numbers<T>(n, 1), dy = numbers<T>(n, 2);
      std::vector<T> y(static_cast<size_t>(n)), dx(static_cast<size_t>(n)), db(static_cast<size_t>(n));
      std::vector<float> norm(rows), cosine(rows), norms(2 * rows);
      OnDevice<T> x_there(x, offset), dy_there(dy, offset), y_there(y, offset), dx_there(dx, offset),
          db_there(db, offset);
      OnDevice<float> norm_there(norm), cosine_there(cosine), norms_there(norms);
      normalize_rows(cpu(), x.data(), y.data(), norm.data(), rows, cols, eps);
      normalize_rows(cuda(0), x_there.data(), y_there.data(), norm_there.data(), rows, cols, eps);
      CHECK(difference(norm_there.host(), norm) <= 1e-5);
      CHECK(difference(widened(y_there.host()), widened(y)) <= tolerance);
      OnDevice<T> same_y(y, offset);
      normalize_rows_backward(cpu(), dy.data(), y.data(), norm.data(), dx.data(), rows, cols, eps);
      normalize_rows_backward(cuda(0), dy_there.data(), same_y.data(), norm_there.data(), dx_there.data(), rows, cols,
                              eps);
      CHECK(difference(widened(dx_there.host()), widened(dx)) <= tolerance);

      cosine_rows(cpu(), x.data(), dy.data(), cosine.data(), norms.data(), rows, cols, eps);
      cosine_rows(cuda(0), x_there.data(), dy_there.data(), cosine_there.data(), norms_there.data(), rows, cols, eps);
      CHECK(difference(norms_there.host(), norms) <= 1e-5);
      CHECK(difference(cosine_there.host(), cosine) <= 1e-4);
      cosine_rows_backward(cpu(), norm.data(), x.data(), dy.data(), cosine.data(), norms.data(), dx.data(), db.data(),
                           rows, cols, eps);
      cosine_rows_backward(cuda(0), norm_there.data(), x_there.data(), dy_there.data(), cosine_there.data(),
                           norms_there.data(), dx_there.data(), db_there.data(), rows, cols, eps);
      CHECK(difference(widened(dx_there.host()), widened(dx)) <= tolerance);
      CHECK(difference(widened(db_there.host()), widened(db)) <= tolerance);
    }
}
