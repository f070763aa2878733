#include <fovea/losses/distillation/dino.h>

#include <cmath>

#include "support/catch.h"
#include "support/op_rows.h"
#include "support/pair_losses.h"

using namespace fovea;
using namespace fovea::testing;
using losses::Dino;

TEST_CASE("DINO gives the losses that are known", "[losses]") {
  for (int64_t k : {2048, 65536}) {
    Dino dino(k);
    Tensor student = Tensor::zeros({3, k}, Dtype::f64), teacher = Tensor::zeros({2, k}, Dtype::f64);
    CHECK(dino(student, teacher, 3).item() == Approx(std::log(double(k))).epsilon(1e-9));
    CHECK(dino(student.to(Dtype::f32), teacher.to(Dtype::f32), 3).item() == Approx(std::log(double(k))).epsilon(3e-5));
  }
  Tensor logits = Tensor::from<double>({2, 2}, {1, 0, 1, 0});
  Dino dino(2);
  CHECK(dino(logits, logits, 2, 0.04).item() == Approx(4.5399e-5).margin(1e-8));
  dino.centre.value.copy_(logits.slice(0, 1).reshape({2}));
  CHECK(dino(logits, logits, 2, 0.04).item() == Approx(5.000045).margin(1e-6));
}

TEST_CASE("DINO is the mean distillation loss over all pairs of a teacher's and another student's view", "[losses]") {
  const int64_t views = 8, n = 3, k = 13;
  Tensor student = randn({views * n, k}).set_requires_grad(), same = student.detach().clone().set_requires_grad();
  Tensor teacher = randn({2 * n, k}) * 0.1, centre = randn({k}) * 0.1;
  Dino dino(k, {.student_temperature = 0.2});
  dino.centre.value.copy_(centre);
  Tensor expected;
  for (int64_t t = 0; t < 2; ++t) {
    for (int64_t v = 0; v < views; ++v) {
      if (v == t) continue;
      Tensor pair = soft_cross_entropy(rows(same, v, n) / 0.2, softmax((rows(teacher, t, n) - centre) / 0.07));
      expected = expected.defined() ? expected + pair : pair;
    }
  }
  expected = expected / 14.0;
  Tensor loss = dino(student, teacher, views, 0.07);
  CHECK(loss.item() == Approx(expected.item()).epsilon(1e-5));
  loss.backward();
  expected.backward();
  CHECK(relative_error(student.grad(), same.grad(), 1) < 1e-6);
  CHECK(relative_error(student.grad(), same.grad()) < 5e-6);
}

TEST_CASE("DINO's centre follows the means of the teacher's logits that it is given", "[losses]") {
  const int64_t n = 4, k = 5;
  Dino dino(k);
  std::vector<double> expected(size_t(k), 0);
  for (int step = 0; step < 4; ++step) {
    Tensor teacher = randn({2 * n, k}) + 1.0, student = randn({2 * n, k});
    Dino before = dino;
    Tensor loss = dino(student, teacher, 2);
    CHECK(relative_error(dino.centre, before.centre) == 0);
    dino.update(mean(teacher, {0}));
    CHECK(loss.item() == before(student, teacher, 2).item());
    CHECK(relative_error(dino.centre, before.centre) > 0);
    std::vector<float> values = teacher.to_vector<float>(), centre = dino.centre.value.to_vector<float>();
    for (int64_t c = 0; c < k; ++c) {
      double total = 0;
      for (int64_t row = 0; row < 2 * n; ++row) total += values[size_t(row * k + c)];
      expected[size_t(c)] = 0.9 * expected[size_t(c)] + 0.1 * total / double(2 * n);
      CHECK(centre[size_t(c)] == Approx(expected[size_t(c)]).margin(1e-6));
    }
  }
}

TEST_CASE("DINO's target does not mind a constant added to the centre or to the logits", "[losses]") {
  Tensor student = randn({6, 7}), teacher = randn({4, 7});
  double loss = Dino(7)(student, teacher, 3).item();
  Dino shifted(7);
  shifted.centre.value.fill_(0.8);
  CHECK(shifted(student, teacher, 3).item() == Approx(loss).epsilon(1e-4));
  CHECK(Dino(7)(student + 0.5, teacher - 0.3, 3).item() == Approx(loss).epsilon(1e-4));
}

TEST_CASE("DINO does not mind the order of images, nor that of global or of local views", "[losses]") {
  const int64_t n = 5, k = 6;
  Tensor student = randn({4 * n, k}), teacher = randn({2 * n, k}) * 0.1;
  double loss = Dino(k)(student, teacher, 4).item();
  Tensor order = randperm(n);
  std::vector<Tensor> students, teachers;
  for (int64_t v = 0; v < 4; ++v) students.push_back(gather_rows(rows(student, v, n), order));
  for (int64_t v = 0; v < 2; ++v) teachers.push_back(gather_rows(rows(teacher, v, n), order));
  CHECK(Dino(k)(concat(students), concat(teachers), 4).item() == Approx(loss).epsilon(1e-5));
  Tensor swapped = concat({rows(student, 1, n), rows(student, 0, n), rows(student, 3, n), rows(student, 2, n)});
  CHECK(Dino(k)(swapped, concat({rows(teacher, 1, n), rows(teacher, 0, n)}), 4).item() == Approx(loss).epsilon(1e-5));
}

TEST_CASE("DINO gives the teacher no gradient and takes bf16 logits", "[losses]") {
  Tensor student = randn({6, 7}).set_requires_grad(), teacher = (randn({4, 7}) * 0.1).detach().set_requires_grad();
  Tensor loss = Dino(7)(student, teacher, 3);
  loss.backward();
  CHECK(student.grad().defined());
  CHECK_FALSE(teacher.grad().defined());
  Tensor small = student.detach().to(Dtype::bf16), aim = teacher.detach().to(Dtype::bf16);
  CHECK(Dino(7)(small, aim, 3).item() ==
        Approx(Dino(7)(small.to(Dtype::f32), aim.to(Dtype::f32), 3).item()).epsilon(1e-5));
  CHECK(Dino(7)(small, aim, 3).item() == Approx(loss.item()).epsilon(0.02));
}

TEST_CASE("DINO's centre is part of a model's state", "[losses]") {
  Dino dino(3);
  std::vector<nn::NamedTensor> state = dino.state();
  REQUIRE(state.size() == 1);
  CHECK(state[0].name == "centre");
  CHECK_FALSE(state[0].is_param);
  CHECK(dino.describe() == "Dino(outputs=3, student_temperature=0.1, centre_momentum=0.9)");
}

TEST_CASE("DINO says what it wanted", "[losses]") {
  Dino dino(4);
  CHECK_THROWS_WITH(dino(randn({6, 4}), randn({4, 5}), 3), Catch::Contains("[T N, 4], got [4, 5]"));
  CHECK_THROWS_WITH(dino(randn({6, 4}), randn({4, 4}), 3, 0), Catch::Contains("temperature"));
  CHECK_THROWS_WITH(dino(randn({7, 4}), randn({4, 4}), 3), Catch::Contains("[7, 4]"));
  CHECK_THROWS_WITH(dino.update(Tensor::ones({5})), Catch::Contains("[4] of the teacher's logits, got [5]"));
  CHECK_THROWS_WITH(Dino(4, {.student_temperature = 0}), Catch::Contains("temperature"));
}
