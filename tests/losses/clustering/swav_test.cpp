#include <fovea/losses/clustering/swav.h>

#include <cmath>

#include <fovea/losses/shared/cross_view.h>

#include "support/catch.h"
#include "support/op_rows.h"
#include "support/pair_losses.h"

using namespace fovea;
using namespace fovea::testing;
using losses::swav;

namespace {

Tensor cosines(int64_t views, int64_t n, int64_t k, int64_t d = 8) {
  return matmul(normalize(randn({views * n, d})), normalize(randn({k, d})), {.transpose_b = true});
}

}  // namespace

TEST_CASE("SwAV gives the losses that are known", "[losses]") {
  Tensor scores = Tensor::from<float>({3, 2}, {.5f, 0, .4f, .1f, 0, .3f});
  CHECK(swav(concat({scores, scores}), 2).item() == Approx(0.316036).margin(1e-6));
  CHECK(swav(Tensor::zeros({8, 3000}, Dtype::f64), 4).item() == Approx(8.006368).margin(1e-6));  // log K
  CHECK(swav(Tensor::zeros({8, 3000}), 4).item() == Approx(8.006368).epsilon(3e-5));
  CHECK(swav(Tensor::full({12, 7}, 0.9), 6).item() == Approx(std::log(7.0)).margin(1e-5));
}

TEST_CASE("SwAV's codes are targets without gradient, those of each global view on its own", "[losses]") {
  const int64_t views = 5, n = 6, k = 11;
  Tensor values = cosines(views, n, k);
  Tensor scores = values.clone().set_requires_grad(), same = values.clone().set_requires_grad();
  Tensor codes = concat({sinkhorn(rows(values, 0, n), {.epsilon = 0.1, .iterations = 5}),
                         sinkhorn(rows(values, 1, n), {.epsilon = 0.1, .iterations = 5})});
  Tensor loss = swav(scores, views, {}, {.temperature = 0.2, .epsilon = 0.1, .iterations = 5});
  Tensor expected = losses::cross_view(same / 0.2, codes, views);
  CHECK(loss.item() == Approx(expected.item()).epsilon(1e-6));
  loss.backward();
  expected.backward();
  CHECK(relative_error(scores.grad(), same.grad()) < 1e-6);
}

TEST_CASE("SwAV's queues take part in the balancing alone", "[losses]") {
  const int64_t n = 4, k = 9, waiting = 7;
  Tensor scores = cosines(3, n, k), queued = cosines(2, waiting, k).set_requires_grad();
  std::vector<Tensor> codes;
  for (int64_t t = 0; t < 2; ++t)
    codes.push_back(sinkhorn(concat({rows(scores, t, n), rows(queued.detach(), t, waiting)})).slice(0, n));
  Tensor trained = scores.clone().set_requires_grad();
  Tensor loss = swav(trained, 3, queued);
  CHECK(loss.item() == Approx(losses::cross_view(scores / 0.1, concat(codes), 3).item()).epsilon(1e-6));
  CHECK(std::abs(loss.item() - swav(scores, 3).item()) > 1e-3);
  loss.backward();
  CHECK(trained.grad().defined());
  CHECK_FALSE(queued.grad().defined());
}

TEST_CASE("SwAV does not mind the order of images, nor that of global or of local views", "[losses]") {
  const int64_t n = 5, k = 6;
  Tensor scores = cosines(4, n, k);
  double loss = swav(scores, 4).item();
  Tensor order = randperm(n);
  std::vector<Tensor> shuffled;
  for (int64_t v = 0; v < 4; ++v) shuffled.push_back(gather_rows(rows(scores, v, n), order));
  CHECK(swav(concat(shuffled), 4).item() == Approx(loss).epsilon(1e-5));
  Tensor swapped = concat({rows(scores, 1, n), rows(scores, 0, n), rows(scores, 3, n), rows(scores, 2, n)});
  CHECK(swav(swapped, 4).item() == Approx(loss).epsilon(1e-5));
}

TEST_CASE("SwAV takes bf16 scores", "[losses]") {
  Tensor scores = cosines(4, 8, 16);
  CHECK(swav(scores.to(Dtype::bf16), 4).item() == Approx(swav(scores, 4).item()).margin(0.01));
}

TEST_CASE("SwAV says what it wanted", "[losses]") {
  CHECK_THROWS_WITH(swav(randn({7, 3}), 2), Catch::Contains("[7, 3] for 2 views"));
  CHECK_THROWS_WITH(swav(randn({4, 3}), 1), Catch::Contains("at least two views"));
  CHECK_THROWS_WITH(swav(randn({4, 3}), 2, {}, {.temperature = 0}), Catch::Contains("temperature"));
  CHECK_THROWS_WITH(swav(randn({4, 3}), 2, randn({3, 3})), Catch::Contains("[3, 3]"));
  CHECK_THROWS_WITH(swav(randn({4, 3}), 2, randn({4, 2})), Catch::Contains("[4, 2]"));
  CHECK_THROWS_WITH(swav(randn({4, 3}), 2, {}, {.codes = 3}), Catch::Contains("3 of which"));
}
