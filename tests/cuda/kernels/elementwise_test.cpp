#include <fovea/kernels/elementwise.h>

#include <memory>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

template <class T>
using Arrays = std::vector<std::vector<T>>;

// f(context, pointers...) on both devices, the device's arrays `offset` elements behind an aligned address. f writes
// the first array.
template <class Out, class In, class F>
void same_on_both(std::vector<Out> y, const std::vector<std::vector<In>>& in, int64_t offset, double tolerance, F&& f) {
  OnDevice<Out> there(y, offset);
  std::vector<std::unique_ptr<OnDevice<In>>> arrays;
  std::vector<const In*> here, away;
  for (const std::vector<In>& values : in) {
    arrays.push_back(std::make_unique<OnDevice<In>>(values, offset));
    here.push_back(values.data());
    away.push_back(arrays.back()->data());
  }
  f(cpu(), y.data(), here);
  f(cuda(0), there.data(), away);
  CHECK(difference(widened(there.host()), widened(y)) <= tolerance);
}

}  // namespace

TEMPLATE_TEST_CASE("elementwise ops on the device: any size and alignment", "[cuda][elementwise]", float, bf16) {
  using T = TestType;
  const double tolerance = sizeof(T) == 2 ? 4e-3 : 1e-6;
  for (int64_t offset : {0, 1, 3})
    for (int64_t n : {0, 1, 7, 8, 1025}) {
      INFO("offset " << offset << ", " << n << " elements");
      const std::vector<T> a = numbers<T>(n, 1), b = numbers<T>(n, 2), y = numbers<T>(n, 3);
      same_on_both(y, Arrays<T>{a}, offset, tolerance,
                   [&](auto& ctx, T* out, auto& in) { unary(ctx, Gelu(), in[0], out, n); });
      same_on_both(y, Arrays<T>{a, b}, offset, tolerance,
                   [&](auto& ctx, T* out, auto& in) { unary_backward(ctx, Gelu(), in[0], in[1], out, n); });
      same_on_both(y, Arrays<T>{a}, offset, tolerance, [&](auto& ctx, T* out, auto& in) {
        unary_backward(ctx, MulScalar{0.3}, in[0], static_cast<const T*>(nullptr), out, n);
      });
      same_on_both(y, Arrays<T>{a}, offset, tolerance,
                   [&](auto& ctx, T* out, auto& in) { add_scaled(ctx, out, in[0], -0.7, n); });
      same_on_both(y, Arrays<T>{a}, offset, tolerance, [&](auto& ctx, T* out, auto& in) {
        dropout(ctx, in[0], out, n, 0.6f, {5, 11});
      });
    }
}

TEMPLATE_TEST_CASE("broadcasting on the device: rows that fit packs and rows that do not", "[cuda][elementwise]", float,
                   bf16) {
  using T = TestType;
  const double tolerance = sizeof(T) == 2 ? 4e-3 : 1e-6;
  const Broadcast row{2, {5, 24}, {24, 1}, {0, 1}, 120}, odd_row{2, {5, 23}, {23, 1}, {0, 1}, 115},
      column{2, {9, 16}, {16, 1}, {1, 0}, 144}, cross{2, {7, 24}, {1, 0}, {0, 1}, 168}, one{1, {1027}, {1}, {0}, 1027},
      middle{3, {3, 5, 8}, {40, 8, 1}, {8, 0, 1}, 120}, odd_step{3, {2, 3, 8}, {9, 3, 0}, {24, 8, 1}, 48};
  for (const Broadcast& shape : {row, odd_row, column, cross, one, middle, odd_step})
    for (int64_t offset : {0, 1}) {
      INFO("size " << shape.numel << ", offset " << offset);
      const std::vector<T> a = numbers<T>(shape.numel, 1), b = numbers<T>(shape.numel, 2),
                           dy = numbers<T>(shape.numel, 3);
      const std::vector<T> y(size_t(shape.numel), T(0.0f));
      same_on_both(y, Arrays<T>{a, b}, offset, tolerance,
                   [&](auto& ctx, T* out, auto& in) { binary(ctx, Sub(), in[0], in[1], out, shape); });
      same_on_both(y, Arrays<T>{dy, a, b}, offset, tolerance, [&](auto& ctx, T* out, auto& in) {
        binary_backward(ctx, Mul(), Operand::a, in[0], in[1], in[2], out, shape);
      });
      same_on_both(y, Arrays<T>{dy, a, b}, offset, tolerance, [&](auto& ctx, T* out, auto& in) {
        binary_backward(ctx, Maximum(), Operand::b, in[0], in[1], in[2], out, shape);
      });
      same_on_both(std::vector<uint8_t>(y.size()), Arrays<T>{a, b}, offset, 0,
                   [&](auto& ctx, uint8_t* out, auto& in) { compare(ctx, Less(), in[0], in[1], out, shape); });
    }
}

TEMPLATE_TEST_CASE("comparisons and select on the device take every element type", "[cuda][elementwise]", float, bf16,
                   int64_t, uint8_t) {
  using T = TestType;
  for (int64_t n : {1, 37, 256})
    for (int64_t offset : {0, 1}) {
      std::vector<T> a, b;
      std::vector<uint8_t> condition;
      for (int64_t i = 0; i < n; ++i) {
        a.push_back(T(float(i * 7 % 5))), b.push_back(T(float(i * 3 % 5)));
        condition.push_back(uint8_t(i % 3 == 1));
      }
      const Broadcast shape{1, {n}, {1}, {1}, n};
      same_on_both(std::vector<uint8_t>(size_t(n)), Arrays<T>{a, b}, offset, 0,
                   [&](auto& ctx, uint8_t* out, auto& in) { compare(ctx, LessEqual(), in[0], in[1], out, shape); });
      same_on_both(std::vector<uint8_t>(size_t(n)), Arrays<T>{a, b}, offset, 0,
                   [&](auto& ctx, uint8_t* out, auto& in) { compare(ctx, NotEqual(), in[0], in[1], out, shape); });
      OnDevice<T> left(a, offset), right(b, offset), y = OnDevice<T>::zeros(n, offset);
      OnDevice<uint8_t> chosen(condition, offset);
      std::vector<T> wanted(static_cast<size_t>(n));
      select(cuda(0), chosen.data(), left.data(), right.data(), y.data(), n);
      select(cpu(), condition.data(), a.data(), b.data(), wanted.data(), n);
      CHECK(widened(y.host()) == widened(wanted));
      const T* nothing = nullptr;
      select(cuda(0), chosen.data(), nothing, right.data(), y.data(), n);
      select(cpu(), condition.data(), nothing, b.data(), wanted.data(), n);
      CHECK(widened(y.host()) == widened(wanted));
    }
}

TEST_CASE("functions on the device keep infinities, NaN and tiny results", "[cuda][elementwise]") {
  const std::vector<float> x = {INFINITY, -INFINITY, NAN, 0.0f, -0.0f, -100.0f, 88.7f, 89.0f, -104.0f, 1e-40f, 20.5f};
  const int64_t n = int64_t(x.size());
  auto compare_op = [&](auto op) {
    std::vector<float> wanted(x.size());
    unary(cpu(), op, x.data(), wanted.data(), n);
    OnDevice<float> there(x);
    unary(cuda(0), op, there.data(), there.data(), n);
    const std::vector<float> found = there.host();
    for (size_t i = 0; i < x.size(); ++i) {
      INFO("f(" << x[i] << ") is " << wanted[i] << " on the CPU, " << found[i] << " on the device");
      const bool same = found[i] == wanted[i] || (std::isnan(found[i]) && std::isnan(wanted[i]));
      CHECK((same || std::abs(found[i] - wanted[i]) <= 1e-6f * std::abs(wanted[i]) + 3e-45f));
    }
  };
  compare_op(Exp());
  compare_op(Log());
  compare_op(Tanh());
  compare_op(Sigmoid());
  compare_op(Softplus());
  compare_op(Relu());
  compare_op(Sqrt());
  compare_op(Pow{1.5});
}
