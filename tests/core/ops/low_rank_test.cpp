#include <fovea/core/ops.h>
#include <fovea/core/random.h>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using namespace fovea::testing;

static Tensor random(const Shape& shape) {
  return randn(shape).to(Dtype::f64);
}

TEST_CASE("DoRA rescales every output unit of the adapted weight", "[core][low_rank]") {
  Tensor weight = Tensor::from<double>({2, 2}, {3, 4, 0, 5}), magnitude = Tensor::from<double>({2}, {5, 5});
  Tensor a = Tensor::from<double>({1, 2}, {0, 1}), none = Tensor::zeros({2, 1}, Dtype::f64), norm;
  Tensor same = low_rank_merge(weight, a, none, 1, magnitude, &norm);
  CHECK(relative_error(same, weight) < 1e-15);
  CHECK(norm.to_vector<double>() == std::vector<double>{5, 5});
  magnitude.set_requires_grad();
  Tensor b = Tensor::from<double>({2, 1}, {1, 0}).set_requires_grad();
  Tensor merged = low_rank_merge(weight, a, b, 1, magnitude, &norm);
  CHECK(relative_error(norm, Tensor::from<double>({2}, {5.830951894845300, 5})) < 1e-14);
  CHECK(relative_error(merged.detach(), Tensor::from<double>({2, 2}, {2.572478777137633, 4.287464628562721, 0, 5})) <
        1e-14);
  merged.backward(Tensor::from<double>({2, 2}, {1, 0, 0, 0}));
  CHECK(relative_error(magnitude.grad(), Tensor::from<double>({2}, {0.514495755427526, 0})) < 1e-14);
}

TEST_CASE("DoRA's gradients are those of the composition with a constant norm", "[core][low_rank]") {
  auto leaf = [](Tensor t) { return t.set_requires_grad(); };
  Tensor weight = leaf(random({7, 13})), a = leaf(random({3, 13})), b = leaf(random({7, 3})), m = leaf(random({7}));
  Tensor dy = random({7, 13});
  low_rank_merge(weight, a, b, 0.7, m).backward(dy);
  std::vector<Tensor> fused;
  for (Tensor* t : {&weight, &a, &b, &m}) fused.push_back(t->grad()), t->zero_grad();
  Tensor v = weight + matmul(b, a) * 0.7;
  Tensor norm = sqrt(sum(square(v.detach()), {1}, true));
  (v * (reshape(m, {7, 1}) / norm)).backward(dy);
  size_t i = 0;
  for (Tensor* t : {&weight, &a, &b, &m}) CHECK(relative_error(fused[i++], t->grad()) < 1e-13);
}

TEST_CASE("unmerging gives the weight back", "[core][low_rank]") {
  const Dtype dtype = GENERATE(Dtype::f64, Dtype::f32);
  Tensor weight = random({9, 21}).to(dtype), a = random({4, 21}).to(dtype), b = random({9, 4}).to(dtype);
  Tensor m = (random({9}) + 5).to(dtype), norm;
  const double tolerance = dtype == Dtype::f64 ? 1e-14 : 2e-6;
  CHECK(relative_error(low_rank_unmerge(low_rank_merge(weight, a, b, 2), a, b, 2), weight) < tolerance);
  CHECK(relative_error(low_rank_unmerge(low_rank_merge(weight, a, b, 2, m, &norm), a, b, 2, m, norm), weight) <
        tolerance);
}

TEST_CASE("low-rank adapters of other shapes are refused", "[core][low_rank]") {
  Tensor weight = Tensor::zeros({4, 6}), a = Tensor::zeros({2, 6}), b = Tensor::zeros({4, 2});
  CHECK_THROWS_WITH(low_rank_merge(weight, b, a, 1), Catch::Contains("low_rank_merge: want a [4, 6]"));
  CHECK_THROWS_WITH(low_rank_merge(weight, a, Tensor::zeros({4, 3}), 1), Catch::Contains("want b [4, 2]"));
  CHECK_THROWS_WITH(low_rank_merge(weight, a, b, 1, Tensor::zeros({6})), Catch::Contains("want magnitude [4]"));
  CHECK_THROWS_WITH(low_rank_merge(Tensor::zeros({4}), a, b, 1), Catch::Contains("want a weight [out, in]"));
  CHECK_THROWS_WITH(low_rank_unmerge(weight, a, b, 1, Tensor::zeros({4})), Catch::Contains("both magnitude and norm"));
}
