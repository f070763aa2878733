#include <fovea/core/autograd.h>
#include <fovea/core/ops/activation.h>
#include <fovea/core/ops/arith.h>
#include <fovea/core/ops/norm.h>

#include "support/catch.h"
#include "support/op_rows.h"
#include "support/waves.h"

using namespace fovea;
using namespace fovea::testing;

static Tensor numbers(Shape shape, const std::vector<double>& values) {
  return Tensor::from<double>(shape, values);
}

TEST_CASE("batch_norm trains as PyTorch does: result and running statistics", "[core][norm]") {
  // torch.nn.functional.batch_norm(x, zeros, ones, weight, bias, training=True, momentum=0.3, eps=1e-3)
  Tensor mean = Tensor::zeros({3}, Dtype::f64), var = Tensor::ones({3}, Dtype::f64);
  Tensor y = batch_norm(waves({2, 2, 2, 3}), numbers({3}, {1, 2, -0.5}), numbers({3}, {0, 0.1, 0.2}), mean, var,
                        {.momentum = 0.3, .eps = 1e-3});
  CHECK(relative_error(y, numbers({2, 2, 2, 3}, {-0.277416,  1.49865,  -0.471556, 1.16151,   1.02194,  0.582827,
                                                 -1.44419,   -3.22166, 0.678619,  0.0304964, 1.38718,  -0.436845,
                                                 1.07827,    0.824674, 0.447523,  -1.52673,  -3.36155, 0.705686,
                                                 -0.0166401, 2.02362,  -0.40193,  0.994695,  0.62714,  0.495677})) <
        2e-6);
  CHECK(relative_error(mean, numbers({3}, {0.117204, 0.136226, 0.102412}), 1) < 1e-6);  // six digits
  CHECK(relative_error(var, numbers({3}, {1.37963, 1.31169, 1.33582})) < 1e-5);         // the unbiased variance
}

TEST_CASE("batch_norm evaluates with the running statistics and leaves them alone", "[core][norm]") {
  Tensor x = Tensor::from<float>({2, 2}, {1, 2, 3, 4}), mean = Tensor::from<float>({2}, {1, 2});
  Tensor var = Tensor::from<float>({2}, {4, 0.25f});
  Tensor y = batch_norm(x, {}, {}, mean, var, {.training = false, .eps = 0});
  CHECK(y.to_vector<float>() == std::vector<float>{0, 0, 1, 4});
  CHECK(mean.to_vector<float>() == std::vector<float>{1, 2});
  CHECK(var.to_vector<float>() == std::vector<float>{4, 0.25f});
}

TEST_CASE("batch_norm with ReLU and residual is the composition of the three", "[core][norm]") {
  Rng rng(3, 0);
  auto randn = [&rng](Shape shape) {
    Tensor t = Tensor::empty(shape, Dtype::f64);
    for (int64_t i = 0; i < t.numel(); ++i) t.data<double>()[i] = rng.normal();
    return t;
  };
  Tensor x = randn({4, 5, 5, 7}).set_requires_grad(), r = randn({4, 5, 5, 7}).set_requires_grad();
  Tensor w = randn({7}).set_requires_grad(), b = randn({7}).set_requires_grad(), dy = randn({4, 5, 5, 7});
  auto gradients = [&](const Tensor& y) {
    y.backward(dy);
    std::vector<Tensor> out{y.detach()};
    for (Tensor* t : {&x, &r, &w, &b}) out.push_back(t->grad()), t->zero_grad();
    return out;
  };
  const std::vector<Tensor> fused = gradients(batch_norm(x, w, b, {}, {}, {.relu = true}, r));
  const std::vector<Tensor> composed = gradients(relu(batch_norm(x, w, b, {}, {}) + r));
  for (size_t i = 0; i < fused.size(); ++i) CHECK(relative_error(fused[i], composed[i]) < 1e-12);
}

TEST_CASE("batch_norm's backward leaves a gradient that others read unharmed", "[core][norm]") {
  Tensor x = waves({6, 5}).set_requires_grad(), z = waves({6, 5}).set_requires_grad(), dy = waves({6, 5});
  const std::vector<double> before = dy.to_vector<double>();
  batch_norm(x, {}, {}, {}, {}, {.relu = true}).backward(dy);
  CHECK(dy.to_vector<double>() == before);  // the caller's own
  const Tensor alone = x.grad();
  x.zero_grad();
  // The sum hands one gradient to both of its operands.
  Tensor y = batch_norm(x, {}, {}, {}, {}, {.relu = true}) + batch_norm(z, {}, {}, {}, {}, {.relu = true});
  y.backward(dy);
  CHECK(relative_error(x.grad(), alone) < 1e-12);
  CHECK(relative_error(z.grad(), alone) < 1e-12);
}

TEST_CASE("a frozen batch_norm passes gradients on to x alone", "[core][norm]") {
  Tensor x = waves({6, 5}).set_requires_grad(), w = Tensor::ones({5}, Dtype::f64), b = Tensor::zeros({5}, Dtype::f64);
  batch_norm(x, w, b, {}, {}).backward(waves({6, 5}));
  CHECK(x.grad().defined());
  CHECK_FALSE(w.grad().defined());
}

TEST_CASE("batch_norm with bf16 activations keeps f32 weights and statistics", "[core][norm]") {
  Tensor x = waves({64, 5}).to(Dtype::bf16).set_requires_grad(), w = Tensor::ones({5}), b = Tensor::zeros({5});
  w.set_requires_grad();
  Tensor mean = Tensor::zeros({5}), var = Tensor::ones({5});
  Tensor y = batch_norm(x, w, b, mean, var);
  CHECK(y.dtype() == Dtype::bf16);
  y.backward(Tensor::ones({64, 5}, Dtype::bf16));
  CHECK(x.grad().dtype() == Dtype::bf16);
  CHECK(w.grad().dtype() == Dtype::f32);
}

TEST_CASE("a wrong batch_norm says what it wants", "[core][norm]") {
  Tensor x = Tensor::zeros({4, 3}), c = Tensor::zeros({3}), wrong = Tensor::zeros({4});
  CHECK_THROWS_WITH(batch_norm(Tensor::zeros({1, 3}), c, c, {}, {}),
                    Catch::Contains("two or more values a channel") && Catch::Contains("[1, 3]"));
  CHECK_THROWS_WITH(batch_norm(Tensor::zeros({3}), c, c, {}, {}), Catch::Contains("rank 2"));
  CHECK_THROWS_WITH(batch_norm(x, wrong, c, {}, {}), Catch::Contains("weight [3]") && Catch::Contains("[4]"));
  CHECK_THROWS_WITH(batch_norm(x, c, {}, {}, {}), Catch::Contains("both weight and bias"));
  CHECK_THROWS_WITH(batch_norm(x, c, c, wrong, c), Catch::Contains("running statistics f32 [3]"));
  CHECK_THROWS_WITH(batch_norm(x, c, c, {}, {}, {.training = false}), Catch::Contains("running_mean and running_var"));
  CHECK_THROWS_WITH(batch_norm(x, c, c, {}, {}, {}, wrong), Catch::Contains("residual like x"));
}

TEST_CASE("layer_norm and group_norm give PyTorch's numbers", "[core][norm]") {
  CHECK(relative_error(layer_norm(waves({2, 5}), {}, {}, 1e-3),
                       numbers({2, 5}, {-1.70799, 0.073508, 1.07749, 0.892104, -0.335107, 0.286122, -0.905215, -1.05926,
                                        -0.0440654, 1.72242})) < 4e-6);
  Tensor y = group_norm(waves({2, 2, 2, 4}), 2, numbers({4}, {1, 2, -0.5, 1}), numbers({4}, {0, 0.1, 0.2, 0.3}), 1e-3);
  CHECK(relative_error(
            y, numbers({2, 2, 2, 4},
                       {-0.539356, 1.96136,    -0.359092, 1.3336,    0.593504, -2.46431, 0.757353,  -0.885985,
                        -1.55846,  -0.0604864, -0.108254, 1.36282,   1.48205,  1.00796,  0.373834,  -0.882757,
                        -1.15282,  -1.28487,   0.272069,  1.66375,   0.997455, 1.88241,  0.0308157, -0.75794,
                        -0.882205, -2.3097,    1.08373,   0.0828795, 0.819764, 2.54777,  -0.445697, 0.493139})) < 4e-6);
}

TEST_CASE("layer_norm and group_norm keep their digits far from zero", "[core][norm]") {
  Tensor x = waves({4, 9, 6}), far = x + 4096.0;
  CHECK(relative_error(layer_norm(far.to(Dtype::f32)), layer_norm(x)) < 2e-3);  // 4096 + x is known to 2e-4
  CHECK(relative_error(group_norm(far.to(Dtype::f32), 2), group_norm(x, 2)) < 2e-3);
}

TEST_CASE("a wrong layer_norm or group_norm says what it wants", "[core][norm]") {
  Tensor x = Tensor::zeros({2, 3, 4}), w = Tensor::zeros({3});
  CHECK_THROWS_WITH(layer_norm(x, w), Catch::Contains("weight [4]") && Catch::Contains("[3]"));
  CHECK_THROWS_WITH(layer_norm(Tensor::arange(3)), Catch::Contains("floating dtype"));
  CHECK_THROWS_WITH(group_norm(x, 3), Catch::Contains("4 channels") && Catch::Contains("3 groups"));
  CHECK_THROWS_WITH(group_norm(x, 0), Catch::Contains("0 groups"));
  CHECK_THROWS_WITH(group_norm(x, 2, {}, w), Catch::Contains("group_norm: want bias [4]"));
}
