#include <fovea/kernels/softmax.h>

#include <fovea/kernels/xent_pointwise.h>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

TEMPLATE_TEST_CASE("softmax of rows of any width on the device, and its gradient", "[cuda][softmax]", float, bf16) {
  using T = TestType;
  const double tolerance = sizeof(T) == 2 ? 4e-3 : 2e-6;
  for (int64_t cols : {0, 1, 5, 40, 512, 513, 520, 4096, 4101, 9000})
    for (int64_t offset : {0, 1})
      for (double scale : {2.0, 200.0}) {  // spread, and all on one element, whose gradient cancels
        const int64_t rows = 3, n = rows * cols;
        INFO(cols << " columns, offset " << offset << ", scale " << scale);
        const std::vector<T> x = numbers<T>(n, 1, scale), dy = numbers<T>(n, 2);
        std::vector<T> y(static_cast<size_t>(n)), dx(static_cast<size_t>(n));
        OnDevice<T> x_there(x, offset), dy_there(dy, offset), y_there(y, offset), dx_there(dx, offset);
        softmax(cpu(), x.data(), y.data(), rows, cols);
        softmax(cuda(0), x_there.data(), y_there.data(), rows, cols);
        CHECK(difference(widened(y_there.host()), widened(y)) <= tolerance);
        OnDevice<T> same_y(y, offset);
        softmax_backward(cpu(), y.data(), dy.data(), dx.data(), rows, cols);
        softmax_backward(cuda(0), same_y.data(), dy_there.data(), dx_there.data(), rows, cols);
        CHECK(difference(widened(dx_there.host()), widened(dx)) <= scale * tolerance);
        log_softmax(cpu(), x.data(), y.data(), rows, cols);
        log_softmax(cuda(0), x_there.data(), y_there.data(), rows, cols);
        CHECK(difference(widened(y_there.host()), widened(y)) <= tolerance);
        OnDevice<T> same_log(y, offset);
        log_softmax_backward(cpu(), y.data(), dy.data(), dx.data(), rows, cols);
        log_softmax_backward(cuda(0), same_log.data(), dy_there.data(), dx_there.data(), rows, cols);
        CHECK(difference(widened(dx_there.host()), widened(dx)) <= 8 * tolerance);
      }
}

TEST_CASE("softmax on the device: -infinity counts nothing, a row of it alone is NaN", "[cuda][softmax]") {
  for (int64_t cols : {8, 37, 600, 5000}) {
    std::vector<float> x(size_t(2 * cols), -INFINITY);
    x[size_t(cols + cols / 2)] = 3, x[size_t(2 * cols - 1)] = 3;
    OnDevice<float> there(x);
    softmax(cuda(0), there.data(), there.data(), 2, cols);
    const std::vector<float> y = there.host();
    for (int64_t c = 0; c < cols; ++c) {
      CHECK(std::isnan(y[size_t(c)]));
      CHECK(y[size_t(cols + c)] == (c == cols / 2 || c == cols - 1 ? 0.5f : 0.0f));
    }
  }
}

TEMPLATE_TEST_CASE("elementwise losses on the device: any size and alignment", "[cuda][loss]", float, bf16) {
  using T = TestType;
  const double tolerance = sizeof(T) == 2 ? 8e-3 : 2e-6;
  for (PointwiseLoss loss : {PointwiseLoss{Pointwise::mse}, PointwiseLoss{Pointwise::l1},
                             PointwiseLoss{Pointwise::smooth_l1, 0.3}, PointwiseLoss{Pointwise::bce}})
    for (int64_t n : {0, 1, 37, 1024, 20001})
      for (int64_t offset : {0, 1}) {
        INFO(n << " elements, offset " << offset << ", loss " << int(loss.kind));
        const std::vector<T> x = numbers<T>(n, 1), t = numbers<T>(n, 2);
        const std::vector<float> slopes = numbers<float>(n + 1, 3);
        std::vector<float> y(static_cast<size_t>(n)), sum(1);
        std::vector<T> dx(static_cast<size_t>(n)), dt(static_cast<size_t>(n));
        OnDevice<T> x_there(x, offset), t_there(t, offset), dx_there(dx, offset), dt_there(dt, offset);
        OnDevice<float> y_there(y, offset), sum_there(sum), slopes_there(slopes, offset);
        pointwise_loss(cpu(), loss, x.data(), t.data(), y.data(), n);
        pointwise_loss(cuda(0), loss, x_there.data(), t_there.data(), y_there.data(), n);
        CHECK(difference(y_there.host(), y) <= 2e-6);
        pointwise_loss_sum(cpu(), loss, x.data(), t.data(), 0.5, sum.data(), n);
        pointwise_loss_sum(cuda(0), loss, x_there.data(), t_there.data(), 0.5, sum_there.data(), n);
        CHECK(difference(sum_there.host(), sum) <= 2e-6);
        for (int64_t step : {0, 1}) {
          pointwise_loss_backward(cpu(), loss, x.data(), t.data(), slopes.data(), step, 0.7, dx.data(), dt.data(), n);
          pointwise_loss_backward(cuda(0), loss, x_there.data(), t_there.data(), slopes_there.data(), step, 0.7,
                                  dx_there.data(), dt_there.data(), n);
          CHECK(difference(widened(dx_there.host()), widened(dx)) <= tolerance);
          CHECK(difference(widened(dt_there.host()), widened(dt)) <= tolerance);
        }
      }
}
