#include <fovea/kernels/xent.h>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

struct Size {
  int64_t rows, cols, offset;
};
const Size kSizes[] = {{1, 1, 0}, {33, 10, 0}, {5, 64, 1}, {9, 65, 3}, {3, 1001, 2}, {2, 2056, 0}, {2, 5003, 1}};

double tolerance(bool rounded) {
  return rounded ? 4e-3 : 2e-6;
}

}  // namespace

TEMPLATE_TEST_CASE("cross entropy on the device agrees with f64 for any shape and alignment", "[cuda][xent]", float,
                   bf16) {
  using T = TestType;
  Cuda& ctx = cuda(0);
  for (auto [rows, cols, offset] : kSizes)
    for (double smoothing : {0.0, 0.2}) {
      INFO(rows << " rows of " << cols << ", " << offset << " elements off, smoothing " << smoothing);
      std::vector<T> x = numbers<T>(rows * cols, 0.3, 6);
      std::vector<double> wide = widened(x), loss(rows), lse(rows), dy = widened(numbers<float>(rows, 2)), dx(x.size());
      std::vector<int64_t> labels;
      for (int64_t r = 0; r < rows; ++r) labels.push_back(r % 4 == 3 ? -1 : r * 7919 % cols);
      HardTarget host{labels.data(), -1, smoothing};
      xent(cpu(), wide.data(), host, loss.data(), lse.data(), rows, cols);
      xent_backward(cpu(), wide.data(), host, lse.data(), dy.data(), 1, 0.5, dx.data(), rows, cols);

      OnDevice<T> there(x, offset), slope = OnDevice<T>::zeros(rows * cols, offset);
      OnDevice<int64_t> aims(labels);
      OnDevice<float> losses = OnDevice<float>::zeros(rows), sums = OnDevice<float>::zeros(rows),
                      weights(std::vector<float>(dy.begin(), dy.end()));
      HardTarget target{aims.data(), -1, smoothing};
      xent(ctx, there.data(), target, losses.data(), sums.data(), rows, cols);
      xent_backward(ctx, there.data(), target, sums.data(), weights.data(), 1, 0.5, slope.data(), rows, cols);
      CHECK(difference(losses.host(), loss) < 2e-6);
      CHECK(difference(sums.host(), lse) < 2e-6);
      CHECK(difference(slope.host(), dx) < tolerance(sizeof(T) == 2));
    }
}

TEMPLATE_TEST_CASE("cross entropy against distributions on the device agrees with f64", "[cuda][xent]", float, bf16) {
  using T = TestType;
  Cuda& ctx = cuda(0);
  for (auto [rows, cols, offset] : kSizes) {
    INFO(rows << " rows of " << cols << ", " << offset << " elements off");
    std::vector<T> x = numbers<T>(rows * cols, 0.3, 6), t = numbers<T>(rows * cols, 1.7);
    std::vector<double> wide = widened(x), wide_t = widened(t), loss(rows), lse(rows), mass(rows), dx(x.size()),
                        dy{1.5};
    soft_xent(cpu(), wide.data(), wide_t.data(), loss.data(), lse.data(), mass.data(), rows, cols);
    soft_xent_backward(cpu(), wide.data(), wide_t.data(), lse.data(), mass.data(), dy.data(), 0, 0.5, dx.data(), rows,
                       cols);

    for (int64_t target_offset : {offset, int64_t(2)}) {
      OnDevice<T> there(x, offset), aim(t, target_offset), slope = OnDevice<T>::zeros(rows * cols, offset);
      OnDevice<float> losses = OnDevice<float>::zeros(rows), sums = OnDevice<float>::zeros(rows),
                      masses = OnDevice<float>::zeros(rows), weight({1.5f});
      soft_xent(ctx, there.data(), aim.data(), losses.data(), sums.data(), masses.data(), rows, cols);
      soft_xent_backward(ctx, there.data(), aim.data(), sums.data(), masses.data(), weight.data(), 0, 0.5, slope.data(),
                         rows, cols);
      CHECK(difference(losses.host(), loss) < 5e-6);
      CHECK(difference(slope.host(), dx) < tolerance(sizeof(T) == 2));
    }
  }
}

// The student's three views against the teacher's two, or (`paired`) row by row.
template <class T>
static void compare_distillation(int64_t images, int64_t cols, int64_t offset, bool centred, bool paired) {
  Cuda& ctx = cuda(0);
  const int64_t rows = (paired ? 1 : 3) * images, givers = (paired ? 1 : 2) * images;
  std::vector<T> x = numbers<T>(rows * cols, 0.3), t = numbers<T>(givers * cols, 1.7);
  std::vector<float> middle = numbers<float>(cols, 0.9);
  std::vector<double> wide = widened(x), wide_t = widened(t), wide_middle = widened(middle), loss(rows), lse(rows),
                      teacher_lse(givers), dx(x.size()), dy = widened(numbers<float>(rows, 2));
  const Teacher<double> reference{
      wide_t.data(), centred ? wide_middle.data() : nullptr, 0.05, teacher_lse.data(), images, givers / images, paired};
  distil_lse(cpu(), reference, teacher_lse.data(), cols);
  distil_xent(cpu(), wide.data(), 0.1, reference, loss.data(), lse.data(), rows, cols);
  distil_xent_backward(cpu(), wide.data(), 0.1, reference, lse.data(), dy.data(), 1, 0.5, dx.data(), rows, cols);

  OnDevice<T> there(x, offset), aim(t, offset), slope = OnDevice<T>::zeros(rows * cols, offset);
  OnDevice<float> losses = OnDevice<float>::zeros(rows), sums = OnDevice<float>::zeros(rows),
                  others = OnDevice<float>::zeros(givers), centre(middle),
                  weights(std::vector<float>(dy.begin(), dy.end()));
  const Teacher<T> teacher{aim.data(), centred ? centre.data() : nullptr, 0.05, others.data(), images, givers / images,
                           paired};
  distil_lse(ctx, teacher, others.data(), cols);
  distil_xent(ctx, there.data(), 0.1, teacher, losses.data(), sums.data(), rows, cols);
  distil_xent_backward(ctx, there.data(), 0.1, teacher, sums.data(), weights.data(), 1, 0.5, slope.data(), rows, cols);
  CHECK(difference(losses.host(), loss) < 1e-5);
  CHECK(difference(slope.host(), dx) < (sizeof(T) == 2 ? 4e-3 : 2e-5));
}

TEMPLATE_TEST_CASE("self-distillation on the device agrees with f64", "[cuda][xent]", float, bf16) {
  for (auto [rows, cols, offset] : kSizes)
    for (bool centred : {false, true})
      for (bool paired : {false, true}) {
        INFO(rows << " images of " << cols << ", " << offset << " elements off, centre " << centred << ", paired "
                  << paired);
        compare_distillation<TestType>(rows, cols, offset, centred, paired);
      }
}

TEST_CASE("a row of 262144 logits and rows with infinite logits come out right on the device", "[cuda][xent]") {
  Cuda& ctx = cuda(0);
  const int64_t cols = 262144;
  std::vector<bf16> x = numbers<bf16>(cols, 0.3, 6);
  for (int64_t c = 0; c < cols; c += 3) x[size_t(c)] = -std::numeric_limits<float>::infinity();
  std::vector<double> wide = widened(x), loss(1), lse(1);
  std::vector<int64_t> label{cols - 2};
  xent(cpu(), wide.data(), {label.data(), -100, 0}, loss.data(), lse.data(), 1, cols);
  OnDevice<bf16> there(x);
  OnDevice<int64_t> aim(label);
  OnDevice<float> losses({0}), sums({0});
  xent(ctx, there.data(), {aim.data(), -100, 0}, losses.data(), sums.data(), 1, cols);
  CHECK(difference(losses.host(), loss) < 1e-6);
}
