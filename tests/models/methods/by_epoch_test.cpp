#include <fovea/models/methods/clustering/smog.h>
#include <fovea/models/methods/clustering/swav.h>
#include <fovea/models/methods/distillation/dino.h>

#include "support/catch.h"
#include "support/method_rows.h"

// What methods do in some steps or epochs and not in others.
using namespace fovea;
using namespace fovea::testing;

namespace {

// Two images, two global crops and two local ones.
data::Batch small_batch() {
  data::Batch batch;
  batch.index = Tensor::from<int64_t>({2}, {0, 1});
  batch.set("views.0", randn({4, 16, 16, 3}));
  batch.set("views.1", randn({4, 8, 8, 3}));
  return batch;
}

// Whether a step in that epoch has a gradient for the parameter.
bool trains(models::Method& method, const std::string& name, double epoch) {
  method.zero_grad();
  models::Step step({.position = models::Position{.epoch = epoch}});
  method.loss(small_batch(), step).backward();
  for (const nn::NamedTensor& entry : method.state())
    if (entry.name == name) return entry.value.grad().defined();
  throw Error("no parameter " + name);
}

void expect_frozen_before(double epoch, models::Method& method, const std::string& name) {
  CHECK_FALSE(trains(method, name, 0));
  CHECK_FALSE(trains(method, name, epoch - 0.01));
  CHECK(trains(method, name, epoch));
  models::Step recorded({});
  CHECK_THROWS_WITH(method.loss(small_batch(), recorded), Catch::Contains("without --cuda-graph"));
}

}  // namespace

TEST_CASE("SwAV's prototypes stand still in the first epochs", "[methods]") {
  models::Swav swav(tiny_backbone(), {.prototypes = 7, .hidden = 12, .out = 8, .frozen_epochs = 2});
  expect_frozen_before(2, swav, "prototypes.weight");
}

TEST_CASE("DINO's last layer stands still in the first epochs", "[methods]") {
  models::Dino dino(tiny_backbone(), {.outputs = 6, .hidden = 12, .bottleneck = 4, .frozen_epochs = 3});
  expect_frozen_before(3, dino, "student.projector.7.weight");
}

TEST_CASE("DINO's teacher temperature rises by epochs", "[methods]") {
  const models::DinoOptions options{.outputs = 6,
                                    .hidden = 12,
                                    .bottleneck = 4,
                                    .teacher_temperature = 0.04f,
                                    .final_temperature = 0.4f,
                                    .temperature_epochs = 3,
                                    .frozen_epochs = 0};
  models::Dino rising(tiny_backbone(), options), first = rising, last = rising;
  first.options.final_temperature = 0.04f;
  last.options.teacher_temperature = 0.4f;
  const data::Batch batch = small_batch();
  auto loss = [&](models::Dino model, double epoch) {
    models::Step step({.position = models::Position{.epoch = epoch}});
    return model.loss(batch, step).item();
  };
  CHECK(loss(rising, 0.5) == loss(first, 0));
  CHECK(loss(rising, 1.5) != loss(first, 0));
  CHECK(loss(rising, 1.5) != loss(last, 0));
  CHECK(loss(rising, 2) == loss(last, 0));
  const double steady = loss(first, 7);
  models::Step recorded({});
  CHECK(first.loss(batch, recorded).item() == steady);  // one that does not rise asks for no epoch
}

TEST_CASE("SMoG finds its groups anew among the latest projections, and the target becomes the online network",
          "[methods]") {
  models::Smog smog(tiny_backbone(),
                    {.groups = 4, .out = 8, .hidden = 12, .reset_every = 2, .remembered = 24, .batch = 2});
  for (Tensor& t : smog.online.parameters()) {
    NoGrad no_grad;
    t.fill_(0.5);
  }
  smog.recent.push(randn({4, 8}) * 5);
  const Tensor groups = smog.criterion.groups.value.clone();
  auto distance = [&] {
    std::vector<Tensor> a = smog.online.parameters(), b = smog.target.parameters();
    double out = 0;
    for (size_t i = 0; i < a.size(); ++i) out += max(abs(a[i] - b[i])).item();
    return out;
  };
  for (int64_t step : {0, 1, 3}) smog.before_step({.step = step, .steps = 10});
  CHECK(smog.criterion.groups.value.to_vector<float>() == groups.to_vector<float>());
  CHECK(distance() > 0);
  smog.before_step({.step = 2, .steps = 10});
  CHECK(distance() == 0);
  // Two steps of two samples have left four projections, and each of four groups is one of them.
  Tensor cosines =
      cosine_similarity(reshape(smog.criterion.groups, {4, 1, 8}), reshape(smog.recent.rows().slice(0, 4), {1, 4, 8}));
  for (float nearest : max(cosines, {1}).to_vector<float>()) CHECK(nearest == Approx(1).epsilon(1e-5));
  for (float nearest : max(cosines, {0}).to_vector<float>()) CHECK(nearest == Approx(1).epsilon(1e-5));
}
