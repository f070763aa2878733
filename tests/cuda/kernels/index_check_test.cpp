#include <fovea/core/ops.h>

#include "support/catch.h"

using namespace fovea;

static Tensor there(const Tensor& t) {
  return t.to(Device::cuda());
}

TEST_CASE("an index out of range is named when the host next waits for the device, once", "[cuda][index]") {
  Tensor x = there(Tensor::arange(12).to(Dtype::f32).reshape({4, 3}));
  Tensor y = gather_rows(x, there(Tensor::from<int64_t>({3}, {1, 4, -2})));
  CHECK_THROWS_WITH(y.to_vector<float>(), Catch::Contains("gather_rows: want indices in [0, 4), got ") &&
                                              (Catch::Contains("4 at place 1") || Catch::Contains("-2 at place 2")));
  CHECK(y.to_vector<float>() == std::vector<float>{3, 4, 5, 0, 1, 2, 0, 1, 2});
  one_hot(there(Tensor::from<int64_t>({1}, {7})), 7);
  CHECK_THROWS_WITH(x.to_vector<float>(), Catch::Contains("one_hot: want indices in [0, 7), got 7 at place 0"));
}

TEST_CASE("labels out of range are named, ignored ones leave the mean", "[cuda][index]") {
  Tensor logits = Tensor::arange(15).to(Dtype::f32).reshape({5, 3}) * 0.3;
  Tensor labels = Tensor::from<int64_t>({5}, {0, -100, 2, 1, -100});
  logits.set_requires_grad();
  Tensor device_logits = there(logits.detach()).set_requires_grad();
  Tensor expected = cross_entropy(logits, labels), found = cross_entropy(device_logits, there(labels));
  CHECK(found.item() == Approx(expected.item()));
  expected.backward(), found.backward();
  std::vector<double> a = logits.grad().to_vector<double>(), b = device_logits.grad().to_vector<double>();
  for (size_t i = 0; i < a.size(); ++i) CHECK(b[i] == Approx(a[i]).margin(1e-6));
  Tensor wrong = cross_entropy(device_logits, there(Tensor::from<int64_t>({5}, {0, 1, 2, 3, 0})));
  CHECK_THROWS_WITH(wrong.item(), Catch::Contains("cross_entropy: want labels in [0, 3), got 3 at place 3"));
}
