#include <fovea/losses/shared/cross_view.h>

#include <cmath>

#include "support/catch.h"
#include "support/op_rows.h"
#include "support/pair_losses.h"

using namespace fovea;
using namespace fovea::testing;
using losses::cross_view;

TEST_CASE("Predictions across views are the mean over all pairs of a target and another view", "[losses]") {
  for (auto [views, givers, n, k] :
       {std::tuple<int64_t, int64_t, int64_t, int64_t>{2, 2, 1, 3}, {8, 2, 5, 7}, {3, 3, 4, 2}, {4, 1, 3, 5}}) {
    INFO(views << " views, " << givers << " of them give targets");
    Tensor logits = randn({views * n, k}).to(Dtype::f64).set_requires_grad();
    Tensor same = logits.detach().clone().set_requires_grad();
    Tensor targets = softmax(randn({givers * n, k}).to(Dtype::f64));
    Tensor expected;
    int64_t pairs = 0;
    for (int64_t t = 0; t < givers; ++t) {
      for (int64_t v = 0; v < views; ++v) {
        if (v == t) continue;
        Tensor pair = soft_cross_entropy(rows(same, v, n), rows(targets, t, n));
        expected = expected.defined() ? expected + pair : pair;
        ++pairs;
      }
    }
    if (views == 8) CHECK(pairs == 14);
    expected = expected / double(pairs);
    Tensor loss = cross_view(logits, targets, views);
    CHECK(loss.item() == Approx(expected.item()).epsilon(1e-12));
    loss.backward();
    expected.backward();
    CHECK(relative_error(logits.grad(), same.grad()) < 1e-12);
  }
}

TEST_CASE("No gradient flows into targets across views", "[losses]") {
  Tensor logits = randn({6, 4}).set_requires_grad(), teacher = randn({4, 4}).set_requires_grad();
  cross_view(logits, softmax(teacher), 3).backward();
  CHECK(logits.grad().defined());
  CHECK_FALSE(teacher.grad().defined());
}

TEST_CASE("Predictions across views say what they wanted", "[losses]") {
  CHECK_THROWS_WITH(cross_view(randn({7, 4}), randn({2, 4}), 2), Catch::Contains("[7, 4] for 2 views"));
  CHECK_THROWS_WITH(cross_view(randn({4, 4}), randn({4, 4}), 1), Catch::Contains("at least two views"));
  CHECK_THROWS_WITH(cross_view(randn({6, 4}), randn({3, 4}), 3), Catch::Contains("[3, 4]"));
  CHECK_THROWS_WITH(cross_view(randn({4, 4}), randn({6, 4}), 2), Catch::Contains("[6, 4]"));
  CHECK_THROWS_WITH(cross_view(randn({6, 4}), randn({4, 5}), 3), Catch::Contains("[4, 5]"));
  CHECK_THROWS_WITH(cross_view(randn({6, 4}), randn({4, 4}).to(Dtype::f64), 3), Catch::Contains("f64"));
}
