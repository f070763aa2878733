#include <fovea/core/ops.h>
#include <fovea/core/random.h>
#include <cmath>
#include <limits>

#include "support/catch.h"

using namespace fovea;

static Tensor labels_of(const std::vector<int64_t>& v) {
  return Tensor::from<int64_t>({int64_t(v.size())}, v);
}

TEST_CASE("cross entropy has the values that PyTorch documents by formula", "[core][loss]") {
  Tensor x = Tensor::from<float>({2, 3}, {1, 2, 3, 0, 0, 0});
  // -log softmax([1, 2, 3])_2 = 0.40760596, log 3 = 1.09861229
  CHECK(cross_entropy(x, labels_of({2, 0})).item() == Approx((0.40760596 + 1.09861229) / 2).epsilon(1e-6));
  CHECK(cross_entropy(x, labels_of({2, 0}), {.reduction = Reduction::sum}).item() == Approx(1.50621825).epsilon(1e-6));
  CHECK(cross_entropy(x, labels_of({2, -100})).item() == Approx(0.40760596).epsilon(1e-6));
  std::vector<float> none = cross_entropy(x, labels_of({-100, 1}), {.reduction = Reduction::none}).to_vector<float>();
  CHECK(none[0] == 0);
  CHECK(none[1] == Approx(1.09861229));
  // Smoothing 0.3 over [1, 2, 3]: 0.7 * 0.40760596 + 0.1 * (2.40760596 + 1.40760596 + 0.40760596)
  CHECK(cross_entropy(x, labels_of({2, -100}), {.label_smoothing = 0.3}).item() == Approx(0.70760596).epsilon(1e-6));
}

TEST_CASE("the mean over no row is NaN and its gradient 0", "[core][loss]") {
  Tensor x = Tensor::from<float>({2, 3}, {1, 2, 3, 0, 0, 0}).set_requires_grad();
  Tensor loss = cross_entropy(x, labels_of({-100, -100}));
  CHECK(std::isnan(loss.item()));
  loss.backward();
  CHECK(x.grad().to_vector<float>() == std::vector<float>(6, 0));
  CHECK(std::isnan(mse_loss(Tensor::empty({0}), Tensor::empty({0})).item()));
  CHECK(std::isnan(cross_entropy(Tensor::empty({0, 3}), labels_of({})).item()));
}

TEST_CASE("a label out of range is named, with its row and the classes", "[core][loss]") {
  Tensor x = Tensor::zeros({3, 4});
  CHECK_THROWS_WITH(cross_entropy(x, labels_of({0, 3, 4})),
                    Catch::Contains("got 4 in row 2") && Catch::Contains("4 classes") && Catch::Contains("0 to 3"));
  CHECK_THROWS_WITH(cross_entropy(x, labels_of({0, -1, 2})), Catch::Contains("got -1 in row 1"));
  CHECK_NOTHROW(cross_entropy(x, labels_of({0, -1, 2}), {.ignore_index = -1}));
}

TEST_CASE("losses say what they want", "[core][loss]") {
  Tensor x = Tensor::zeros({3, 4});
  CHECK_THROWS_WITH(cross_entropy(x, labels_of({0, 1})), Catch::Contains("labels [N]") && Catch::Contains("[3, 4]"));
  CHECK_THROWS_WITH(cross_entropy(x, Tensor::zeros({3})), Catch::Contains("i64") && Catch::Contains("f32"));
  CHECK_THROWS_WITH(cross_entropy(x, labels_of({0, 1, 2}), {.label_smoothing = 1}), Catch::Contains("label_smoothing"));
  CHECK_THROWS_WITH(mse_loss(x, Tensor::zeros({4, 3})), Catch::Contains("mse_loss") && Catch::Contains("[4, 3]"));
  CHECK_THROWS_WITH(soft_cross_entropy(x, x.to(Dtype::f64)), Catch::Contains("f64"));
  CHECK_THROWS_WITH(smooth_l1_loss(x, x, -1), Catch::Contains("beta"));
  CHECK_THROWS_WITH(nt_xent(x, Tensor::zeros({2, 4}), 0.5), Catch::Contains("[2, 4]"));
  CHECK_THROWS_WITH(nt_xent(x, x, 0), Catch::Contains("temperature"));
  CHECK_THROWS_WITH(nt_xent(Tensor::zeros({0, 4}), Tensor::zeros({0, 4}), 1), Catch::Contains("[0, 4]"));
}

TEST_CASE("losses of bf16 arguments are f32, their gradients bf16", "[core][loss]") {
  Tensor x = randn({4, 8}).to(Dtype::bf16).detach().set_requires_grad();
  for (const Tensor& loss : {cross_entropy(x, labels_of({0, 1, 2, 3})), mse_loss(x, Tensor::zeros({4, 8}, Dtype::bf16)),
                             nt_xent(x, Tensor::ones({4, 8}, Dtype::bf16), 0.5)}) {
    CHECK(loss.dtype() == Dtype::f32);
    x.zero_grad();
    loss.backward();
    CHECK(x.grad().dtype() == Dtype::bf16);
  }
}

TEST_CASE("smooth L1 joins its two pieces at beta and is L1 for beta 0", "[core][loss]") {
  Tensor x = Tensor::from<double>({4}, {0.5, 2, -2, 5}), zero = Tensor::zeros({4}, Dtype::f64);
  CHECK(smooth_l1_loss(x, zero, 2, Reduction::none).to_vector<double>() == std::vector<double>{0.0625, 1, 1, 4});
  CHECK(smooth_l1_loss(x, zero, 0, Reduction::none).to_vector<double>() == std::vector<double>{0.5, 2, 2, 5});
}

TEST_CASE("self-distillation has its known answers", "[core][loss]") {
  for (int64_t classes : {2048, 65536})
    CHECK(distillation_cross_entropy(Tensor::zeros({2, classes}), Tensor::zeros({2, classes})).item() ==
          Approx(std::log(double(classes))));
  Tensor x = Tensor::from<double>({1, 2}, {1, 0});
  CHECK(distillation_cross_entropy(x, x).item() == Approx(4.5399e-5).epsilon(1e-4));
  CHECK(distillation_cross_entropy(x, x, x.reshape({2})).item() == Approx(5.000045).epsilon(1e-6));
}

TEST_CASE("self-distillation is the cross-entropy against the written targets", "[core][loss]") {
  Generator generator(5);
  Tensor x = randn({6, 37}, generator).to(Dtype::f64).detach().set_requires_grad();
  Tensor t = randn({6, 37}, generator).to(Dtype::f64), centre = randn({37}, generator).to(Dtype::f64);
  Tensor written = soft_cross_entropy(x * (1 / 0.2), softmax((t - centre) * (1 / 0.1), 1));
  written.backward();
  Tensor wanted = x.grad();
  x.zero_grad();
  Tensor moving = centre.clone();
  Tensor fused = distillation_cross_entropy(x, t, moving, {.student_temperature = 0.2, .teacher_temperature = 0.1});
  add_(moving, t.slice(0, 1).reshape({37}));
  fused.backward();
  CHECK(fused.item() == Approx(written.item()).epsilon(1e-12));
  for (double apart : (x.grad() - wanted).to_vector<double>()) CHECK(std::abs(apart) < 1e-14);
  CHECK_THROWS_WITH(distillation_cross_entropy(x, t, Tensor::zeros({5})), Catch::Contains("[37]"));
  CHECK_THROWS_WITH(distillation_cross_entropy(x, t.slice(0, 2)), Catch::Contains("[6, 37] of 1 view"));
  CHECK_THROWS_WITH(distillation_cross_entropy(x, t.slice(0, 5), {}, {.views = 3}), Catch::Contains("got f64 [5, 37]"));
  CHECK_THROWS_WITH(distillation_cross_entropy(x, t, {}, {.views = 4}), Catch::Contains("[V N, C], got [6, 37]"));
  CHECK_THROWS_WITH(distillation_cross_entropy(x, t, {}, {.student_temperature = 0}), Catch::Contains("above 0"));
}

TEST_CASE("NT-Xent has its known answers", "[core][loss][nt_xent]") {
  auto eye = [](int64_t n) {
    Tensor t = Tensor::zeros({n, n});
    for (int64_t i = 0; i < n; ++i) t.data<float>()[i * n + i] = 1;
    return t;
  };
  CHECK(nt_xent(eye(2), eye(2), 0.5).item() == Approx(0.239545).margin(1e-6));
  CHECK(nt_xent(eye(2), eye(2), 0.1).item() == Approx(9.07957e-5).margin(2e-7));
  CHECK(nt_xent(eye(4), eye(4), 0.5).item() == Approx(0.594438).margin(1e-6));
  Tensor a = Tensor::from<float>({2, 2}, {1, 0, 0.6f, 0.8f}), b = Tensor::from<float>({2, 2}, {0.8f, 0.6f, 0, 1});
  CHECK(nt_xent(a, b, 0.5).item() == Approx(0.870714).margin(1e-6));
  for (double t : {5.0, 0.5, 0.05, 0.001})
    CHECK(nt_xent(Tensor::full({4, 3}, 0.7), Tensor::full({4, 3}, 2.0), t).item() ==
          Approx(std::log(7.0)).margin(1e-6 / t));
}

TEST_CASE("NT-Xent's relatives say what they want", "[core][loss][contrast]") {
  Tensor x = Tensor::ones({3, 4}), scale = Tensor::zeros({});
  CHECK_THROWS_WITH(dcl(Tensor::ones({1, 4}), Tensor::ones({1, 4}), 0.1), Catch::Contains("at least 2"));
  CHECK_THROWS_WITH(dcl(x, x, 0.1, Tensor::ones({4})), Catch::Contains("[3]") && Catch::Contains("[4]"));
  CHECK_THROWS_WITH(dcl(x, x, 0), Catch::Contains("temperature"));
  CHECK_THROWS_WITH(info_nce(x, x, Tensor::ones({5, 3}), 0.1), Catch::Contains("[K, 4]"));
  CHECK_THROWS_WITH(clip_loss(x, x, Tensor::ones({1})), Catch::Contains("logit_scale"));
  CHECK_THROWS_WITH(siglip_loss(x, x, scale, scale.to(Dtype::bf16)), Catch::Contains("logit_bias"));
}

TEST_CASE("NT-Xent does not change with the order of pairs, the order of views or the length of rows",
          "[core][loss][nt_xent]") {
  Generator generator(3);
  Tensor a = randn({37, 19}, generator), b = randn({37, 19}, generator);
  Tensor order = randperm(37, generator), lengths = uniform({37, 1}, 0.1, 9, generator);
  double loss = nt_xent(a, b, 0.2).item();
  CHECK(nt_xent(b, a, 0.2).item() == Approx(loss).epsilon(1e-6));
  CHECK(nt_xent(gather_rows(a, order), gather_rows(b, order), 0.2).item() == Approx(loss).epsilon(1e-6));
  CHECK(nt_xent(a * lengths, b, 0.2).item() == Approx(loss).epsilon(1e-6));
}

TEST_CASE("NT-Xent's gradient is perpendicular to each row", "[core][loss][nt_xent]") {
  Generator generator(4);
  Tensor a = randn({9, 6}, generator).to(Dtype::f64).detach().set_requires_grad(),
         b = randn({9, 6}, generator).to(Dtype::f64);
  nt_xent(a, b, 0.3).backward();
  for (double dot : sum(a.detach() * a.grad(), {1}).to_vector<double>()) CHECK(std::abs(dot) < 1e-14);
}
