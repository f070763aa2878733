#include <fovea/models/eval/linear_probe.h>

#include <fovea/core/ops.h>
#include <fovea/core/random.h>

#include "support/catch.h"

using namespace fovea;

namespace {

// Three Gaussian clouds; `spread` decides how much they overlap.
models::Features clouds(int64_t rows, double spread, uint64_t seed) {
  Generator generator(seed);
  Tensor labels = randint(0, 3, {rows}, generator);
  Tensor centres = Tensor::from<float>({3, 4}, {2, 0, 0, 1, 0, 2, 0, 1, 0, 0, 2, 1});
  return {gather_rows(centres, labels) + randn({rows, 4}, generator) * spread, labels};
}

}  // namespace

TEST_CASE("a linear probe separates what is linearly separable", "[models][eval]") {
  models::ProbeResult result =
      models::linear_probe(clouds(300, 0.2, 1), clouds(200, 0.2, 2), 3, {.epochs = 20, .batch_size = 64});
  CHECK(result.last > 0.99);
  CHECK(result.best >= result.last);
  CHECK(result.best_epoch >= 1);
  CHECK(result.best_epoch <= 20);
}

TEST_CASE("a linear probe on noise stays at chance", "[models][eval]") {
  Generator generator(9);
  models::Features train{randn({300, 4}, generator), randint(0, 3, {300}, generator)},
      test{randn({600, 4}, generator), randint(0, 3, {600}, generator)};
  CHECK(models::linear_probe(train, test, 3, {.epochs = 5}).last < 0.45);
}

TEST_CASE("a linear probe gives the same result again", "[models][eval]") {
  auto probe = [](uint64_t seed) {
    return models::linear_probe(clouds(150, 1.0, 1), clouds(500, 1.0, 2), 3,
                                {.epochs = 3, .batch_size = 32, .seed = seed})
        .last;
  };
  CHECK(probe(0) == probe(0));
}

TEST_CASE("a linear probe refuses sets that do not fit", "[models][eval]") {
  models::Features train = clouds(30, 1, 1), wrong{Tensor::zeros({10, 5}), Tensor::zeros({10}, Dtype::i64)};
  CHECK_THROWS_WITH(models::linear_probe(train, wrong, 3), Catch::Contains("[30, 4]") && Catch::Contains("[10, 5]"));
  CHECK_THROWS_WITH(models::linear_probe(train, train, 3, {.epochs = 0}), Catch::Contains("epochs"));
}
