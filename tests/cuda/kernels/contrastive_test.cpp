#include <fovea/kernels/contrastive.h>
#include <fovea/kernels/device_scratch.h>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

struct Size {
  int64_t rows, dim, offset;
};
// One row, part of a tile, one past a tile of rows and of columns, several chunks of dimensions, unaligned rows.
const Size kSizes[] = {{1, 3, 0},   {2, 16, 0},   {33, 8, 1},    {32, 128, 0},
                       {65, 20, 0}, {70, 129, 0}, {131, 264, 0}, {40, 300, 3}};

// What the device returns against f64 on the CPU: the loss's error (relative above 1) and the gradients' largest.
struct Errors {
  double loss, gradient;
};

template <class T>
Errors nt_xent_errors(int64_t pairs, int64_t dim, int64_t offset, double temperature) {
  Cuda& ctx = cuda(0);
  std::vector<T> z0 = numbers<T>(pairs * dim, 0.1), z1 = numbers<T>(pairs * dim, 2.0);
  for (size_t i = 0; i < z1.size(); ++i) z1[i] = T(float(z1[i]) + 0.3f * float(z0[i]));
  std::vector<double> a = widened(z0), b = widened(z1), lse(size_t(2 * pairs)), da(a.size()), db(b.size());
  double loss = 0, one = 1;
  NtXent shape{pairs, dim, temperature};
  nt_xent(cpu(), shape, a.data(), b.data(), &loss, lse.data());
  nt_xent_backward(cpu(), shape, a.data(), b.data(), lse.data(), &one, da.data(), db.data());

  OnDevice<T> x(z0, offset), y(z1, offset), dx = OnDevice<T>::zeros(pairs * dim), dy = OnDevice<T>::zeros(pairs * dim);
  OnDevice<float> result({0}), sums = OnDevice<float>::zeros(2 * pairs), weight({1});
  nt_xent(ctx, shape, x.data(), y.data(), result.data(), sums.data());
  nt_xent_backward(ctx, shape, x.data(), y.data(), sums.data(), weight.data(), dx.data(), dy.data());
  CHECK(difference(sums.host(), lse) < 2e-6);
  double scale = pairs == 1 ? 1e30 : 1;  // one pair has no gradient, only rounding
  return {std::abs(double(result.host()[0]) - loss) / std::max(loss, 1.0),
          std::max(difference(dx.host(), da), difference(dy.host(), db)) / scale};
}

}  // namespace

TEST_CASE("NT-Xent in f32 on the device is within 1e-5 of f64 at temperature 0.07", "[cuda][contrast]") {
  for (auto [rows, dim, offset] : kSizes) {
    INFO(rows << " pairs of " << dim << ", " << offset << " elements off");
    Errors errors = nt_xent_errors<float>(rows, dim, offset, 0.07);
    CHECK(errors.loss < 1e-5);
    CHECK(errors.gradient < 1e-5);
  }
}

TEST_CASE("NT-Xent of bf16 rows on the device rounds its weights and its gradients alone", "[cuda][contrast]") {
  for (auto [rows, dim, offset] : kSizes) {
    INFO(rows << " pairs of " << dim << ", " << offset << " elements off");
    Errors errors = nt_xent_errors<bf16>(rows, dim, offset, 0.07);
    CHECK(errors.loss < 1e-5);
    CHECK(errors.gradient < 1e-2);
  }
}

TEST_CASE("NT-Xent on the device keeps to its range at a tiny temperature", "[cuda][contrast]") {
  CHECK(nt_xent_errors<float>(33, 8, 0, 0.005).loss < 1e-5);
  CHECK(nt_xent_errors<bf16>(33, 8, 0, 0.005).loss < 1e-5);
}

TEST_CASE("NT-Xent on the device never holds a matrix of similarities", "[cuda][contrast]") {
  const int64_t pairs = 1536;
  const size_t before = device_scratch_held(cuda(0));
  CHECK(nt_xent_errors<bf16>(pairs, 8, 0, 0.5).loss < 1e-5);
  CHECK(device_scratch_held(cuda(0)) - before < size_t(4 * pairs * pairs));  // the matrix is four times this
}
