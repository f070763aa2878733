#include <algorithm>

#include <fovea/models/methods/contrastive/simclr.h>
#include <fovea/models/parts/heads.h>

#include "support/catch.h"
#include "support/method_rows.h"

using namespace fovea;
using namespace fovea::testing;

TEST_CASE("a copied method computes what the first does and is left alone by its training", "[models]") {
  const std::vector<MethodRow>& rows = method_rows();
  MethodRun run(*std::find_if(rows.begin(), rows.end(), [](const MethodRow& row) { return row.name == "simclr"; }));
  auto& model = dynamic_cast<models::SimClr&>(*run.method);
  models::SimClr copy = model;
  auto first_weight = [](models::SimClr& m) { return m.parameters().front().to_vector<float>(); };
  data::Batch batch;
  batch.set("views.0", randn({6, 16, 16, 3}));
  auto loss = [&](models::SimClr& m) {
    models::Step step({.position = models::Position{}});
    return m.loss(batch, step).item();
  };
  CHECK(loss(copy) == loss(model));
  std::vector<float> before = first_weight(copy);
  run.step();
  CHECK(first_weight(copy) == before);
  CHECK(first_weight(model) != before);
}

TEST_CASE("a backbone is what is put into it", "[models]") {
  models::Backbone backbone = tiny_backbone();
  CHECK(backbone.features() == 16);
  CHECK(backbone.describe() == "ResNet");
  CHECK(backbone.state().front().name == "conv1.weight");
  CHECK(backbone.feature_map(randn({2, 16, 16, 3})).shape() == Shape{2, 2, 2, 16});
  backbone.eval();
  Tensor one = randn({1, 16, 16, 3}), two = concat({one, randn({1, 16, 16, 3})});
  CHECK(relative_error(backbone(two).slice(0, 1), backbone(one)) < 1e-5);  // the batch's statistics do not matter
}

TEST_CASE("heads are built from one description", "[models]") {
  CHECK(models::SimClr(tiny_backbone(), {.out = 8}).projector.str() == R"(Sequential(
  (0): Linear(in=16, out=16, bias=false)
  (1): BatchNorm1d(16, eps=1e-05, momentum=0.1)
  (2): ReLU()
  (3): Linear(in=16, out=8, bias=false)
  (4): BatchNorm1d(8, eps=1e-05, momentum=0.1)
))");
  CHECK(models::mlp_head({4, 8, 8, 3}).str() == R"(Sequential(
  (0): Linear(in=4, out=8, bias=false)
  (1): BatchNorm1d(8, eps=1e-05, momentum=0.1)
  (2): ReLU()
  (3): Linear(in=8, out=8, bias=false)
  (4): BatchNorm1d(8, eps=1e-05, momentum=0.1)
  (5): ReLU()
  (6): Linear(in=8, out=3)
))");
  CHECK(models::make_head({{.in = 4, .out = 8, .relu = true},
                           {.in = 8, .out = 5, .layer_norm = true, .gelu = true},
                           {.in = 5, .out = 3, .batch_norm = true, .affine = false}})
            .str() == R"(Sequential(
  (0): Linear(in=4, out=8)
  (1): ReLU()
  (2): Linear(in=8, out=5)
  (3): LayerNorm(5, eps=1e-05)
  (4): GELU()
  (5): Linear(in=5, out=3, bias=false)
  (6): BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=false)
))");
  CHECK_THROWS_WITH(models::make_head({{.in = 4, .out = 8}, {.in = 7, .out = 3}}),
                    Catch::Contains("8 features") && Catch::Contains("got 7"));
}
