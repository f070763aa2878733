#include <fovea/losses/decorrelation/lejepa.h>

#include <cmath>

#include <fovea/core/autocast.h>
#include <fovea/core/ops.h>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using namespace fovea::testing;
using losses::lejepa;

namespace {

const Tensor& one() {  // the only direction there is in one dimension, up to its sign, which does not matter
  static const Tensor direction = Tensor::ones({1, 1}, Dtype::f64);
  return direction;
}
Tensor sample(const std::vector<double>& values) {
  return Tensor::from<double>({1, int64_t(values.size()), 1}, values);
}

// The statistic by its definition, with all knots of all projections.
Tensor reference(const Tensor& z, const Tensor& directions) {
  Tensor p = matmul(z, directions), loss = Tensor::zeros({}, z.dtype());
  for (int k = 0; k <= 16; ++k) {
    const double t = 3 * k / 16.0, phi = std::exp(-t * t / 2), weight = (k % 16 ? 2 : 1) * (3 / 16.0) * phi;
    Tensor c = Tensor::empty(p.shape(), p.dtype()), s = Tensor::empty(p.shape(), p.dtype());
    for (int64_t i = 0; i < p.numel(); ++i) {
      const double x = t * static_cast<const Tensor&>(p).data<double>()[i];
      c.data<double>()[i] = std::cos(x), s.data<double>()[i] = std::sin(x);
    }
    loss = loss + mean(square(mean(c, {1}) - phi) + square(mean(s, {1}))) * (weight * double(z.size(1)));
  }
  return loss;
}

}  // namespace

TEST_CASE("SIGReg gives the losses that are known", "[losses]") {
  auto statistic = [](const std::vector<double>& values) { return sigreg(sample(values), one()).item(); };
  CHECK(statistic({0, 0}) == Approx(0.804095).margin(1e-6));
  CHECK(statistic(std::vector<double>(256, 0)) == Approx(102.924180).margin(1e-6));
  CHECK(statistic({-1, 1}) == Approx(0.205659).margin(1e-6));
  CHECK(statistic({-2, 0, 2}) == Approx(1.130547).margin(1e-6));
  CHECK(statistic({5, 5}) == Approx(7.879921).margin(1e-6));
  CHECK(sigreg(sample({-2, 0, 2}).to(Dtype::f32), one().to(Dtype::f32)).item() == Approx(1.130547).margin(2e-6));
}

TEST_CASE("SIGReg has the gradients that are known", "[losses]") {
  auto gradient = [](const std::vector<double>& values) {
    Tensor x = sample(values).set_requires_grad();
    sigreg(x, one()).backward();
    return x.grad().to_vector<double>();
  };
  const std::vector<double> apart = gradient({0.3, -1.2, 2}), wanted{0.370969, -0.616198, 0.584952};
  for (size_t i = 0; i < 3; ++i) CHECK(apart[i] == Approx(wanted[i]).margin(1e-6));
  const std::vector<double> close{1e-4, -3e-4, 8e-4}, near = gradient(close);
  for (size_t i = 0; i < 3; ++i) CHECK(near[i] == Approx(4.863683 * 2e-4 - 3.092077 * close[i]).margin(1e-8));
  for (double g : gradient(std::vector<double>(5, 0.0))) CHECK(g == 0);  // a full collapse stays one
}

TEST_CASE("SIGReg equals its definition on both sides of a strip of slices", "[losses]") {
  Generator generator(1);
  for (auto [views, rows, dim, slices] :
       {std::array<int64_t, 4>{1, 1, 1, 1}, {2, 33, 5, 63}, {3, 8, 16, 65}, {1, 7, 3, 1024}}) {
    INFO(views << " x " << rows << " x " << dim << ", " << slices << " slices");
    Tensor z = randn({views, rows, dim}, generator) * 2, directions = random_directions(dim, slices, generator);
    CHECK(sigreg(z, directions).item() ==
          Approx(reference(z.to(Dtype::f64), directions.to(Dtype::f64)).item()).epsilon(1e-5));
  }
}

TEST_CASE("SIGReg of normal rows is about 1.05, whatever their number", "[losses]") {
  Generator generator(2);
  for (int64_t rows : {16, 256}) {
    Tensor z = randn({64, rows, 4}, generator);
    CHECK(sigreg(z, random_directions(4, 16, generator)).item() == Approx(1.052464).margin(0.1));
  }
}

TEST_CASE("random directions have length 1 and differ from draw to draw", "[losses]") {
  Generator generator(3), same(3);
  Tensor first = random_directions(7, 12, generator), second = random_directions(7, 12, generator);
  for (float length : sum(square(first), {0}).to_vector<float>()) CHECK(length == Approx(1).epsilon(1e-5));
  CHECK(random_directions(7, 12, same).to_vector<float>() == first.to_vector<float>());
  CHECK(first.to_vector<float>() != second.to_vector<float>());
}

TEST_CASE("LeJEPA gives the loss that is known", "[losses]") {
  Tensor z = Tensor::from<double>({3, 2, 1}, {1, -1, 0, -2, 0.5, -0.5});
  CHECK(lejepa(z, 2, one()).item() == Approx(0.339084).margin(1e-6));
  CHECK(lejepa(z, 2, one(), 0).item() == Approx(1 / 3.0).margin(1e-6));
  CHECK(lejepa(z, 2, one(), 1).item() == Approx(sigreg(z, one()).item()));
}

TEST_CASE("LeJEPA does not mind the order of rows, nor of views of one kind", "[losses]") {
  Generator generator(4);
  Tensor z = randn({4, 9, 6}, generator), directions = random_directions(6, 32, generator),
         order = randperm(9, generator);
  double loss = lejepa(z, 2, directions).item();
  std::vector<Tensor> views;
  for (int64_t v = 0; v < 4; ++v) views.push_back(gather_rows(reshape(z.slice(v, v + 1), {9, 6}), order));
  CHECK(lejepa(stack(views), 2, directions).item() == Approx(loss).epsilon(1e-5));
  CHECK(lejepa(stack({views[1], views[0], views[3], views[2]}), 2, directions).item() == Approx(loss).epsilon(1e-5));
  CHECK(lejepa(z.to(Dtype::bf16), 2, directions).item() == Approx(loss).epsilon(0.01));
  Autocast on;
  CHECK(lejepa(z, 2, directions).item() == loss);
}

TEST_CASE("LeJEPA says what it wanted", "[losses]") {
  Tensor z = Tensor::ones({2, 4, 3});
  CHECK_THROWS_WITH(lejepa(z, 3, random_directions(3, 8)), Catch::Contains("[2, 4, 3]") && Catch::Contains("3"));
  CHECK_THROWS_WITH(lejepa(z, 1, random_directions(4, 8)), Catch::Contains("[4, 8]"));
  CHECK_THROWS_WITH(lejepa(z, 1, random_directions(3, 8), 2), Catch::Contains("lambda"));
  CHECK_THROWS_WITH(sigreg(Tensor::ones({4, 3}), random_directions(3, 8)), Catch::Contains("[4, 3]"));
  CHECK_THROWS_WITH(random_directions(0, 8), Catch::Contains("0"));
}
