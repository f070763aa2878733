#include <fovea/models/backbones/zoo.h>

#include "support/catch.h"

using namespace fovea;

TEST_CASE("a backbone is made by its name", "[models][backbones]") {
  Generator a(1), b(1);
  models::Backbone named = models::make_backbone("resnet18", {.width = 4, .cifar_stem = true}, a);
  models::ResNet direct = models::resnet18({.width = 4, .cifar_stem = true}, b);
  CHECK(named.features() == 32);
  CHECK(named.str() == direct.str());
  CHECK(named.parameters()[0].to_vector<float>() == direct.parameters()[0].to_vector<float>());
  CHECK(models::make_backbone("resnet34", {.width = 4}).parameter_count() >
        models::make_backbone("resnet18", {.width = 4}).parameter_count());
  CHECK(models::make_backbone("resnet50", {.width = 4}).features() == 128);
  CHECK_THROWS_WITH(models::make_backbone("resnet81"),
                    "backbone: want one of resnet18, resnet34, resnet50, got resnet81; did you mean resnet18?");
}
