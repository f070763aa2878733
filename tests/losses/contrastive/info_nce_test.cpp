#include <fovea/losses/contrastive/info_nce.h>

#include <cmath>

#include "support/op_rows.h"
#include "support/pair_losses.h"

using namespace fovea;
using namespace fovea::testing;
using losses::info_nce;

namespace {

// A queue of rows of all lengths, each at right angles to (1, 0).
Tensor orthogonal(int64_t rows) {
  Tensor queue = Tensor::zeros({rows, 2});
  for (int64_t i = 0; i < rows; ++i) queue.data<float>()[2 * i + 1] = float(i + 1);
  return queue;
}

}  // namespace

TEST_CASE("InfoNCE against a queue gives the losses that are known", "[losses][contrastive]") {
  Tensor query = Tensor::from<float>({1, 2}, {3, 0});
  CHECK(info_nce(query, query, orthogonal(4096), 0.1).item() == Approx(0.170551).margin(1e-6));
  CHECK(info_nce(query, query, orthogonal(65536), 0.07).item() == Approx(0.0401355).margin(1e-6));
  CHECK(info_nce(query, query, orthogonal(65536), 0.2).item() == Approx(6.092617).margin(1e-5));
  CHECK(info_nce(query, query, orthogonal(32000), 0.07).item() == Approx(0.0197987).margin(1e-6));
  CHECK(info_nce(query, query, orthogonal(4096), 1e6).item() == Approx(8.318010).margin(2e-6));  // log(K + 1)
  // A key at cosine .8; and what a queue does that already holds the query's own view.
  Tensor key = Tensor::from<float>({1, 2}, {4, 3}), across = Tensor::from<float>({1, 3}, {1, 0, 0});
  Tensor key3 = Tensor::from<float>({1, 3}, {4, 3, 0}), queue = Tensor::zeros({4096, 3});
  for (int64_t i = 0; i < 4096; ++i) queue.data<float>()[3 * i + 2] = 1;
  CHECK(info_nce(across, key3, queue, 0.1).item() == Approx(0.864599).margin(1e-6));
  queue.data<float>()[0] = 1, queue.data<float>()[2] = 0;
  CHECK(info_nce(across, key3, queue, 0.1).item() == Approx(2.278577).margin(1e-6));
}

TEST_CASE("InfoNCE's queue has no gradient, and its order does not matter", "[losses][contrastive]") {
  Generator generator(9);
  Tensor q = randn({5, 4}, generator).set_requires_grad(), k = randn({5, 4}, generator),
         queue = randn({17, 4}, generator).set_requires_grad();
  Tensor loss = info_nce(q, k, queue, 0.2);
  loss.backward();
  CHECK(q.grad().defined());
  CHECK_FALSE(queue.grad().defined());
  CHECK(info_nce(q, k, gather_rows(queue, randperm(17, generator)), 0.2).item() == Approx(loss.item()).epsilon(1e-6));
  const Tensor order = randperm(5, generator);
  CHECK(info_nce(gather_rows(q, order), gather_rows(k, order), queue, 0.2).item() == Approx(loss.item()).epsilon(1e-6));
  CHECK(info_nce(q * 3, k * 0.1, queue * 9, 0.2).item() == Approx(loss.item()).epsilon(1e-5));
  CHECK(info_nce(q.to(Dtype::bf16), k.to(Dtype::bf16), queue.to(Dtype::bf16), 0.2).item() ==
        Approx(loss.item()).margin(0.02));
}

TEST_CASE("InfoNCE reads a queue of another dtype in the query's", "[losses][contrastive]") {
  Tensor q = randn({5, 4}).to(Dtype::bf16), k = randn({5, 4}).to(Dtype::bf16), queue = randn({17, 4});
  CHECK(info_nce(q, k, queue, 0.2).item() == info_nce(q, k, queue.to(Dtype::bf16), 0.2).item());
  CHECK(info_nce(q, k, queue, 0.2).dtype() == Dtype::f32);
  CHECK_THROWS_WITH(info_nce(q, k, randn({17, 3}), 0.2), Catch::Contains("[17, 3]"));
}

TEST_CASE("InfoNCE within the batch gives the losses that are known", "[losses][contrastive]") {
  auto moco_v3 = [](double t) { return 2 * (2 * t * info_nce(eye(2), eye(2), t).item()); };
  CHECK(moco_v3(0.2) == Approx(0.00537228).epsilon(1e-4));
  CHECK(moco_v3(1) == Approx(1.25304675).epsilon(1e-6));
  CHECK(info_nce(eye(2), eye(2), 0.1).item() == Approx(4.53989e-5).epsilon(1e-3));  // NNCLR
  CHECK(info_nce(Tensor::ones({5, 3}), Tensor::ones({5, 3}), 0.1).item() == Approx(std::log(5.0)));
}

TEST_CASE("InfoNCE within the batch equals cross entropy over the similarities", "[losses][contrastive]") {
  for (auto [n, d] : {std::pair<int64_t, int64_t>{1, 3}, {7, 5}, {33, 17}}) {
    Tensor q = randn({n, d}).to(Dtype::f64).set_requires_grad(), k = randn({n, d}).to(Dtype::f64).set_requires_grad();
    Tensor q2 = q.detach().clone().set_requires_grad(), k2 = k.detach().clone().set_requires_grad();
    Tensor loss = info_nce(q, k, 0.3);
    Tensor wanted = cross_entropy(matmul(normalize(q2), normalize(k2), {.transpose_b = true}) / 0.3, Tensor::arange(n));
    CHECK(loss.item() == Approx(wanted.item()).margin(1e-12));
    loss.backward();
    wanted.backward();
    CHECK(relative_error(q.grad(), q2.grad()) < 1e-12);
    CHECK(relative_error(k.grad(), k2.grad()) < 1e-12);
  }
}

TEST_CASE("InfoNCE within the batch is a loss of cosines", "[losses][contrastive]") {
  // Of the sum of both directions, the views' order does not matter.
  expect_loss_of_cosines([](const Tensor& a, const Tensor& b) { return info_nce(a, b, 0.3) + info_nce(b, a, 0.3); });
  CHECK_THROWS_WITH(info_nce(randn({4, 3}), randn({5, 3}), 0.5), Catch::Contains("[5, 3]"));
  CHECK_THROWS_WITH(info_nce(randn({4, 3}), randn({4, 3}), 0), Catch::Contains("temperature"));
}
