#include <fovea/models/training/optimizers.h>

#include <fovea/nn/layers/linear.h>

#include "support/catch.h"

using namespace fovea;

TEST_CASE("an optimiser is made by its name", "[models][optim]") {
  nn::Linear layer({.in = 3, .out = 2});
  auto name_of = [&](const std::string& name) {
    return models::make_optimizer(name, layer, {.weight_decay = 0.1})->name();
  };
  CHECK(name_of("sgd") == "Sgd");
  CHECK(name_of("lars") == "Lars");
  CHECK(name_of("lars-lightly") == "Lars");
  CHECK(name_of("adam") == "Adam");
  CHECK(name_of("adamw") == "AdamW");
  CHECK(models::make_optimizer("sgd", layer, {.weight_decay = 0.1})->groups()[0].weight_decay == 0.1);
  CHECK_THROWS_AS(name_of("sdg"), Error);
  CHECK_THROWS_WITH(name_of("sdg"),
                    "optimizer: want one of sgd, lars, lars-lightly, adam, adamw, got sdg; did you mean sgd?");
}
