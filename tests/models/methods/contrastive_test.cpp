#include <fovea/models/backbones/resnet.h>
#include <fovea/models/methods/contrastive/directclr.h>
#include <fovea/models/methods/contrastive/hypersphere.h>
#include <fovea/models/methods/contrastive/supcon.h>

#include "support/catch.h"
#include "support/method_rows.h"

using namespace fovea;
using namespace fovea::testing;

TEST_CASE("the heads of SupCon and of alignment and uniformity are their papers'", "[models][contrastive]") {
  CHECK(models::SupCon(tiny_backbone(), {.out = 8}).projector.str() == R"(Sequential(
  (0): Linear(in=16, out=16)
  (1): ReLU()
  (2): Linear(in=16, out=8)
))");
  CHECK(models::Hypersphere(tiny_backbone(), {.hidden = 24, .out = 8}).projector.str() == R"(Sequential(
  (0): Linear(in=16, out=24, bias=false)
  (1): BatchNorm1d(24, eps=1e-05, momentum=0.1)
  (2): ReLU()
  (3): Linear(in=24, out=8)
))");
}

TEST_CASE("DirectCLR has no head and sees the paper's share of the channels", "[models][contrastive]") {
  models::DirectClr method(tiny_backbone());
  CHECK(method.options.channels == 2);
  CHECK(models::DirectClr(models::resnet18({.cifar_stem = true})).options.channels == 90);
  CHECK(method.parameters().size() == tiny_backbone().parameters().size());
  CHECK_THROWS_WITH(models::DirectClr(tiny_backbone(), {.channels = 17}), Catch::Contains("at most 16"));
}
