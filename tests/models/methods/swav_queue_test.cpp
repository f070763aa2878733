#include <fovea/models/methods/clustering/swav.h>

#include <fovea/models/parts/multi_crop.h>

#include "support/catch.h"
#include "support/method_rows.h"

using namespace fovea;
using namespace fovea::testing;

namespace {

const models::SwavOptions kOptions{
    .prototypes = 7, .hidden = 12, .out = 8, .frozen_epochs = 0, .queue = 5, .queue_start = 2};

// Two images, two global crops and two local ones.
data::Batch small_batch() {
  data::Batch batch;
  batch.index = Tensor::from<int64_t>({2}, {0, 1});
  batch.set("views.0", randn({4, 16, 16, 3}));
  batch.set("views.1", randn({4, 8, 8, 3}));
  return batch;
}

// Of a step in that epoch, by a copy of the model.
double loss_in(double epoch, models::Swav model, const data::Batch& batch) {
  models::Step step({.position = models::Position{.epoch = epoch}});
  return model.loss(batch, step).item();
}

}  // namespace

TEST_CASE("SwAV's queues take the global crops' projections and give scores without gradient", "[models]") {
  models::Swav model(tiny_backbone(), kOptions), same = model;
  const data::Batch batch = small_batch();
  const Tensor oldest = model.queues[1].rows(), before = model.queued();
  CHECK(before.shape() == Shape{10, 7});
  CHECK_FALSE(before.requires_grad());
  models::Step step({.position = models::Position{}});
  model.loss(batch, step);
  Tensor z = normalize(same.projector(models::multi_crop(same.backbone, batch.groups())));
  CHECK(relative_error(model.queues[0].rows().slice(0, 2), z.slice(0, 2)) < 1e-6);
  CHECK(relative_error(model.queues[1].rows().slice(0, 2), z.slice(2, 4)) < 1e-6);
  CHECK(relative_error(model.queues[1].rows().slice(2, 5), oldest.slice(0, 3)) == 0);
  CHECK(relative_error(model.queued().slice(0, 2), model.prototypes(z.slice(0, 2))) < 1e-6);
}

TEST_CASE("SwAV's queues balance codes from the epoch that is asked for", "[models]") {
  models::Swav model(tiny_backbone(), kOptions), without = model;
  without.queues.clear();
  const data::Batch batch = small_batch();
  CHECK(loss_in(1, model, batch) == loss_in(1, without, batch));
  CHECK(loss_in(2, model, batch) != loss_in(2, without, batch));
}

TEST_CASE("SwAV's queues are state, of a model that has them", "[models]") {
  auto names = [](models::Swav model) {
    std::vector<std::string> out;
    for (const nn::NamedTensor& entry : model.state())
      if (!entry.name.starts_with("backbone") && !entry.name.starts_with("projector")) out.push_back(entry.name);
    return out;
  };
  CHECK(names(models::Swav(tiny_backbone(), kOptions)) ==
        std::vector<std::string>{"prototypes.weight", "queue0.rows", "queue1.rows"});
  CHECK(names(models::Swav(tiny_backbone(), {.prototypes = 7})) == std::vector<std::string>{"prototypes.weight"});
}
