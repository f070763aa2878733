#include <fovea/kernels/matmul.h>
#include <fovea/kernels/precision.h>

#include "support/catch.h"
#include "support/matmul_case.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

// What the device is said to be, while one of these lives.
struct Pretend {
  int multiprocessors, capability;
  static inline const Pretend* current = nullptr;
  Pretend(int count, int version) : multiprocessors(count), capability(version) { current = this; }
  ~Pretend() { current = nullptr; }
};

template <class T, class Out>
std::vector<Out> multiplied(const MatmulCase<T, Out>& test, int64_t offset = 0) {
  Cuda ctx = cuda(0);
  if (Pretend::current) {
    ctx.multiprocessors = Pretend::current->multiprocessors;
    ctx.capability = Pretend::current->capability;
  }
  OnDevice<T> a(test.a, offset), b(test.b, offset), residual(test.residual, offset);
  OnDevice<float> bias(test.bias, offset);
  OnDevice<Out> c(test.c, offset);
  MatmulOutput<T> output = test.output;
  if (test.with_bias) output.bias = bias.data();
  if (test.with_residual) output.residual = residual.data();
  matmul(ctx, test.s, a.data(), b.data(), c.data(), output);
  return c.host();
}

template <class T, class Out>
double error(MatmulSizes s, MatmulOutput<T> output = {}, bool with_bias = false, bool with_residual = false,
             int64_t offset = 0) {
  MatmulCase<T, Out> test{s, output, with_bias, with_residual};
  return test.error(multiplied(test, offset));
}

struct Tf32 {
  Tf32() { set_float32_precision(Float32Precision::tf32); }
  ~Tf32() { set_float32_precision(Float32Precision::highest); }
};

template <class Out>
constexpr double kTolerance = std::is_same_v<Out, bf16> ? 5e-3 : 1e-6;

struct Size {
  int64_t m, n, k;
};
// 1, primes, less than a tile, one past it, packs and no packs, and k in few and many pieces.
const std::vector<Size> kSizes{{1, 1, 1}, {7, 5, 3}, {48, 64, 16}, {65, 72, 40}, {1, 130, 300}, {33, 3, 257}};

// Calls f with every pair of transpose flags.
template <class F>
void with_flags(Size size, F f) {
  for (int flags = 0; flags < 4; ++flags) {
    INFO(size.m << " x " << size.n << " x " << size.k << ", transpose flags " << flags);
    f(MatmulSizes{size.m, size.n, size.k, bool(flags & 1), bool(flags & 2)});
  }
}

}  // namespace

// The operands are exact in tf32, so its products are those of f32.
TEST_CASE("matmul on the device agrees with the formula for every transposition", "[cuda][matmul]") {
  for (Size size : kSizes)
    with_flags(size, [](MatmulSizes s) {
      CHECK(error<float, float>(s) < 1e-6);
      CHECK(error<bf16, bf16>(s) < 5e-3);
      Tf32 tf32;
      CHECK(error<float, float>(s) < 1e-6);
    });
}

// Products that fill every multiprocessor with large tiles would take long, so the device is said to have few of them.
TEST_CASE("large tiles and misaligned rows", "[cuda][matmul]") {
  auto run = [](int count, Size size) {
    Pretend pretend{count, 80};
    with_flags(size, [](MatmulSizes s) {
      CHECK(error<float, float>(s) < 1e-6);
      CHECK(error<bf16, bf16>(s, {.beta = 1}, true, true) < 5e-3);
      Tf32 tf32;
      CHECK(error<float, float>(s) < 1e-6);
    });
  };
  run(1, {136, 130, 45});
  run(4, {129, 136, 272});  // f32: in two parts of k
}

// On sm_90, in a library with code for sm_90a, these go to the copy engine and wgmma; elsewhere to mma.sync.
TEST_CASE("bf16 products of aligned rows", "[cuda][matmul]") {
  for (int count : {1, 12}) {  // wide tiles, narrow tiles
    Pretend pretend{count, cuda(0).capability};
    INFO(count << " multiprocessors");
    for (Size size : {Size{136, 264, 72}, Size{72, 80, 200}})
      with_flags(size, [](MatmulSizes s) {
        CHECK(error<bf16, float>(s, {}, true) < 1e-6);
        CHECK(error<bf16, bf16>(s, {.alpha = 0.5, .beta = 1, .epilogue = Epilogue::gelu}, true, true) < 5e-3);
      });
    const int64_t m = 72, n = 136, k = 80;
    CHECK(error<bf16, float>({m, n, k, false, true, 3, m * k, n * k, m * n}) < 1e-6);
    CHECK(error<bf16, bf16>({m, n, k, true, false, 3, 0, n * k, m * n}) < 5e-3);
    CHECK(error<bf16, float>({m, n, k, true, true, 3, m * k, n * k, 0}) < 1e-6);
  }
  for (int count : {4, 12}) {  // in two parts of k
    Pretend pretend{count, cuda(0).capability};
    CHECK(error<bf16, bf16>({136, 136, 1040, true, false}, {.epilogue = Epilogue::relu}, true) < 5e-3);
  }
}

TEST_CASE("operands at any address", "[cuda][matmul]") {
  for (int64_t offset : {1, 2, 4})
    with_flags({40, 24, 72}, [offset](MatmulSizes s) {
      INFO("offset " << offset);
      CHECK(error<float, float>(s, {.beta = 1}, true, true, offset) < 1e-6);
      CHECK(error<bf16, bf16>(s, {.beta = 1}, true, true, offset) < 5e-3);
    });
}

TEMPLATE_TEST_CASE(
    "matmul on the device scales, adds to what is there, adds bias and residual and applies the epilogue",
    "[cuda][matmul]", float, bf16) {
  const Size size = GENERATE(Size{37, 40, 24}, Size{5, 9, 600});
  for (Epilogue epilogue : {Epilogue::none, Epilogue::relu, Epilogue::gelu})
    for (double beta : {0.0, -0.5})
      for (bool residual : {false, true}) {
        MatmulSizes s{size.m, size.n, size.k, false, true};
        INFO(size.m << " " << size.n << " " << size.k << " beta " << beta << " epilogue " << int(epilogue));
        CHECK(error<TestType, TestType>(s, {.alpha = 0.75, .beta = beta, .epilogue = epilogue}, true, residual) <
              kTolerance<TestType>);
      }
}

TEMPLATE_TEST_CASE("matmul on the device runs over a batch, repeats an operand and sums over the batch",
                   "[cuda][matmul]", float, bf16) {
  for (Size size : {Size{7, 5, 3}, Size{48, 64, 40}, Size{65, 9, 700}}) {
    int64_t a = size.m * size.k, b = size.k * size.n, c = size.m * size.n;
    INFO(size.m << " " << size.n << " " << size.k);
    auto close = [&](MatmulSizes s, MatmulOutput<TestType> output = {}, bool bias = false) {
      CHECK(error<TestType, TestType>(s, output, bias) < kTolerance<TestType>);
    };
    close({size.m, size.n, size.k, false, true, 3, a, b, c});
    close({size.m, size.n, size.k, true, false, 3, 0, b, c}, {}, true);
    close({size.m, size.n, size.k, false, false, 3, a, 0, c});
    close({size.m, size.n, size.k, true, false, 3, a, b, 0});
    close({size.m, size.n, size.k, false, false, 3, a, b, 0}, {.beta = 1});
  }
}

TEST_CASE("matmul on the device over nothing gives beta C + bias", "[cuda][matmul]") {
  CHECK(error<float, float>({2, 3, 0}, {.beta = 2}, true) == 0);
  CHECK(error<bf16, float>({70, 9, 0}) == 0);
}

TEST_CASE("tf32 rounds the operands, highest does not", "[cuda][matmul]") {
  MatmulCase<float, float> test{{16, 16, 64, false, true}, {}};
  for (float& x : test.a) x += 1 / 4096.0f / 3;
  CHECK(float32_precision() == Float32Precision::highest);
  CHECK(test.error(multiplied(test)) < 1e-6);
  Tf32 tf32;
  double error = test.error(multiplied(test));
  CHECK(error < 1e-3);
  CHECK(error > 1e-6);
}

TEMPLATE_TEST_CASE("the way back through bias and ReLU on the device is that of the CPU", "[cuda][matmul]", float,
                   bf16) {
  using T = TestType;
  for (int64_t rows : {0, 1, 33, 1000})
    for (int64_t cols : {1, 37, 264}) {
      for (int64_t offset : {0, 1}) {
        INFO(rows << " x " << cols << ", offset " << offset);
        std::vector<T> y = as<T>(numbers<bf16>(rows * cols, 1)), dy = as<T>(numbers<bf16>(rows * cols, 2));
        std::vector<T> wanted(y.size());
        std::vector<float> wanted_bias(static_cast<size_t>(cols)), bias(static_cast<size_t>(cols), 7);
        epilogue_backward(cpu(), rows, cols, y.data(), dy.data(), wanted.data(), wanted_bias.data());
        OnDevice<T> there_y(y, offset), there_dy(dy, offset), there_dz = OnDevice<T>::zeros(rows * cols, offset);
        OnDevice<float> there_bias(bias, offset);
        epilogue_backward(cuda(0), rows, cols, there_y.data(), there_dy.data(), there_dz.data(), there_bias.data());
        bias = there_bias.host();
        CHECK(there_dz.host() == wanted);
        for (size_t j = 0; j < bias.size(); ++j) CHECK(bias[j] == Approx(wanted_bias[j]).margin(1e-4).epsilon(1e-5));

        epilogue_backward<T>(cuda(0), rows, cols, nullptr, there_dz.data(), nullptr, there_bias.data());
        CHECK(there_bias.host() == bias);
      }
    }
}
