#include <fovea/models/methods/contrastive/dense_cl.h>
#include <fovea/models/methods/contrastive/instdisc.h>
#include <fovea/models/methods/contrastive/moco.h>
#include <fovea/models/methods/contrastive/nnclr.h>
#include <fovea/models/methods/contrastive/pirl.h>

#include "support/catch.h"
#include "support/method_rows.h"

using namespace fovea;
using namespace fovea::testing;

TEST_CASE("NNCLR's neighbours are the images themselves while the support set holds them", "[models]") {
  models::Nnclr model(tiny_backbone(), {.hidden = 8, .out = 6, .predictor_hidden = 8, .support = 40});
  Tensor z = randn({5, 6}).set_requires_grad();
  model.support.push(normalize(z));
  Tensor near = model.neighbours(z * 7);
  CHECK(relative_error(near, normalize(z)) < 1e-6);
  CHECK_FALSE(near.requires_grad());
  CHECK(relative_error(model.neighbours(z.to(Dtype::bf16)), normalize(z)) < 1e-6);  // of rounded rows too
}

TEST_CASE("PIRL's jigsaw is the joined patches, in their order", "[models]") {
  models::Pirl model(tiny_backbone(), 10, {.out = 4});
  model.eval();
  Tensor x = randn({2, 12, 12, 3});
  std::vector<Tensor> joined;
  for (int64_t i = 0; i < 9; ++i) {
    Tensor patch = slice(slice(x, 1, i / 3 * 4, i / 3 * 4 + 4), 2, i % 3 * 4, i % 3 * 4 + 4);
    joined.push_back(model.patch_head(model.backbone(patch)));
  }
  CHECK(relative_error(model.jigsaw(x), model.jigsaw_head(concat(joined, 1))) < 1e-5);
  CHECK_THROWS_WITH(model.jigsaw(randn({2, 13, 12, 3})), Catch::Contains("3 x 3 patches"));
}

TEST_CASE("MoCo's head is one Linear in v1 and has a hidden layer in v2, with norms if asked", "[models]") {
  CHECK(models::Moco(tiny_backbone(), {.hidden = 0, .negatives = 8}).query.projector.str() == R"(Sequential(
  (0): Linear(in=16, out=128)
))");
  CHECK(models::Moco(tiny_backbone(), {.hidden = 32, .out = 8, .negatives = 8}).query.projector.str() == R"(Sequential(
  (0): Linear(in=16, out=32)
  (1): ReLU()
  (2): Linear(in=32, out=8)
))");
  models::Moco normed(tiny_backbone(), {.hidden = 32, .out = 8, .batch_norm = true, .negatives = 8});
  CHECK(normed.query.projector.str() == R"(Sequential(
  (0): Linear(in=16, out=32, bias=false)
  (1): BatchNorm1d(32, eps=1e-05, momentum=0.1)
  (2): ReLU()
  (3): Linear(in=32, out=8, bias=false)
  (4): BatchNorm1d(8, eps=1e-05, momentum=0.1, affine=false)
))");
}

TEST_CASE("the heads that face a memory bank or a queue of places have norms if asked", "[models]") {
  const std::string normed = R"(Sequential(
  (0): Linear(in=16, out=4, bias=false)
  (1): BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=false)
))";
  CHECK(models::InstDisc(tiny_backbone(), 10, {.out = 4, .batch_norm = true}).projector.str() == normed);
  models::Pirl pirl(tiny_backbone(), 10, {.out = 4, .batch_norm = true});
  CHECK(pirl.projector.str() == normed);
  CHECK(pirl.patch_head.str() == normed);
  models::DenseCl dense(tiny_backbone(), {.hidden = 8, .out = 6, .batch_norm = true, .negatives = 10});
  // every channel of the dense features has mean 0 and variance 1 over the images and their places
  Tensor places = reshape(dense.query(randn({8, 16, 16, 3})).dense, {-1, 6});
  CHECK(places.size(0) == 8 * 4);
  CHECK(max(abs(mean(places, {0}))).item() < 1e-5);
  CHECK(max(abs(mean(square(places), {0}) - 1)).item() < 1e-2);
}

TEST_CASE("instance discrimination and PIRL refuse a loss that they do not have", "[models]") {
  CHECK_THROWS_WITH(models::InstDisc(tiny_backbone(), 10, {.loss = "mse"}), Catch::Contains("got mse"));
  CHECK_THROWS_WITH(models::Pirl(tiny_backbone(), 10, {.loss = "softmax"}), Catch::Contains("got softmax"));
}

TEST_CASE("DenseCL remembers rows of length 1: global keys and the means of dense ones", "[models]") {
  models::DenseCl model(tiny_backbone(), {.hidden = 8, .out = 6, .negatives = 10});
  data::Batch batch;
  batch.index = randperm(3);
  batch.set("views.0", randn({6, 16, 16, 3}));
  models::DenseFeatures keys = model.key(batch.view(1));
  CHECK(keys.map.shape() == Shape{3, 2, 2, 16});
  CHECK(keys.global.shape() == Shape{3, 6});
  CHECK(keys.dense.shape() == Shape{3, 2, 2, 6});
  CHECK_FALSE(keys.dense.requires_grad());
  models::Step step({.position = models::Position{}});
  model.loss(batch, step);
  CHECK(relative_error(model.queue.rows().slice(0, 3), normalize(keys.global)) < 1e-6);
  CHECK(relative_error(model.dense_queue.rows().slice(0, 3), normalize(mean(keys.dense, {1, 2}))) < 1e-6);
}

TEST_CASE("MoCo asks for keys of one view, or of both", "[models]") {
  data::Batch batch;
  batch.index = randperm(3);
  batch.set("views.0", randn({6, 16, 16, 3}));
  for (bool symmetric : {false, true}) {
    models::Moco model(tiny_backbone(), {.hidden = 8, .out = 6, .negatives = 10, .symmetric = symmetric});
    Tensor before = model.queue.rows(), keys = normalize(model.key(symmetric ? batch.group(0) : batch.view(1)));
    models::Step step({.position = models::Position{}});
    model.loss(batch, step);
    CHECK(relative_error(model.queue.rows().slice(0, keys.size(0)), keys) < 1e-6);
    CHECK(relative_error(model.queue.rows().slice(keys.size(0), 10), before.slice(0, 10 - keys.size(0))) == 0);
  }
}
