#include <fovea/kernels/xent.h>
#include <fovea/kernels/xent_pointwise.h>
#include <cmath>
#include <vector>

#include "support/catch.h"

using namespace fovea;
using namespace fovea::kernels;

TEMPLATE_TEST_CASE("cross entropy agrees with the formula for any number of classes", "[kernels][xent]", float,
                   double) {
  using T = TestType;
  const double tolerance = std::is_same_v<T, float> ? 1e-5 : 1e-12;
  for (int64_t cols : {1, 2, 10, 17, 1000})
    for (double smoothing : {0.0, 0.3}) {
      const int64_t rows = 37;
      std::vector<T> x, dx(size_t(rows * cols)), loss(rows), lse(rows), dy(rows, T(0.5));
      std::vector<int64_t> labels;
      for (int64_t i = 0; i < rows * cols; ++i) x.push_back(T(float(20 * std::sin(double(i * i % 997)))));
      for (int64_t r = 0; r < rows; ++r) labels.push_back(r % 5 == 3 ? -7 : r * 7 % cols);
      HardTarget target{labels.data(), -7, smoothing};
      xent(cpu(), x.data(), target, loss.data(), lse.data(), rows, cols);
      xent_backward(cpu(), x.data(), target, lse.data(), dy.data(), 1, 2.0, dx.data(), rows, cols);
      INFO(cols << " classes, smoothing " << smoothing);
      for (int64_t r = 0; r < rows; ++r) {
        const T* row = &x[size_t(r * cols)];
        double top = double(*std::max_element(row, row + cols)), sum = 0, wanted = 0, worst = 0;
        bool ignored = labels[size_t(r)] == -7;
        for (int64_t c = 0; c < cols; ++c) sum += std::exp(double(row[c]) - top);
        for (int64_t c = 0; c < cols; ++c) {
          double log_p = double(row[c]) - top - std::log(sum);
          double t = (c == labels[size_t(r)] ? 1 - smoothing : 0) + smoothing / double(cols);
          if (!ignored) wanted -= t * log_p;
          worst = std::max(worst, std::abs(double(dx[size_t(r * cols + c)]) - (ignored ? 0 : std::exp(log_p) - t)));
        }
        CHECK(double(loss[size_t(r)]) == Approx(wanted).epsilon(tolerance).margin(tolerance));
        CHECK(worst < tolerance);
      }
    }
}

TEST_CASE("labels are checked and counted", "[kernels][xent]") {
  std::vector<int64_t> labels{0, 4, -100, 5, -1};
  LabelCheck found = check_labels(cpu(), labels.data(), 3, 5, -100);
  CHECK(found.bad_row == -1);
  CHECK(found.counted == 2);
  CHECK(check_labels(cpu(), labels.data(), 5, 5, -100).bad_row == 3);
  CHECK(check_labels(cpu(), labels.data(), 5, 6, -100).bad_row == 4);
}

TEST_CASE("binary cross entropy stays finite for large logits", "[kernels][xent]") {
  std::vector<float> x{200, -200, 200, -200, 0}, t{1, 0, 0, 1, 0.5f}, y(5), dx(5), one{1};
  pointwise_loss(cpu(), {Pointwise::bce}, x.data(), t.data(), y.data(), 5);
  CHECK(y == std::vector<float>{0, 0, 200, 200, std::log(2.0f)});
  pointwise_loss_backward<float>(cpu(), {Pointwise::bce}, x.data(), t.data(), one.data(), 0, 1, dx.data(), nullptr, 5);
  CHECK(dx == std::vector<float>{0, 0, 1, -1, 0});
}

TEST_CASE("the slope of an absolute difference is 0 at 0", "[kernels][xent]") {
  std::vector<double> x{1, 2, 3}, t{1, 3, 2}, dx(3), dt(3), dy{1, 10, 100};
  pointwise_loss_backward(cpu(), {Pointwise::l1}, x.data(), t.data(), dy.data(), 1, 0.5, dx.data(), dt.data(), 3);
  CHECK(dx == std::vector<double>{0, -5, 50});
  CHECK(dt == std::vector<double>{0, 5, -50});
}

TEST_CASE("a sum of losses over many parts is exact where floats are", "[kernels][xent]") {
  const int64_t n = 100'003;
  std::vector<float> x(n, 3), t(n, 1);
  float y = 0;
  pointwise_loss_sum(cpu(), {Pointwise::mse}, x.data(), t.data(), 1.0 / double(n), &y, n);
  CHECK(y == 4);
}
