#include <fovea/models/methods/clustering/swav_queue.h>

#include "support/catch.h"
#include "support/method_rows.h"
#include "support/op_rows.h"

using namespace fovea;
using fovea::testing::relative_error;

TEST_CASE("SwAV's queues hold the global crops' projections and give scores without gradient", "[models]") {
  models::SwavQueue model(fovea::testing::tiny_backbone(), 5, {.prototypes = 7, .hidden = 12, .out = 8});
  const Tensor oldest = model.queue1.rows();
  Tensor z = normalize(randn({8, 8})).set_requires_grad();  // four crops of two images
  Tensor before = model.queued();
  CHECK(before.shape() == Shape{10, 7});
  CHECK_FALSE(before.requires_grad());
  model.remember(z, 2);
  CHECK(relative_error(model.queue0.rows().slice(0, 2), z.slice(0, 2)) == 0);
  CHECK(relative_error(model.queue1.rows().slice(0, 2), z.slice(2, 4)) == 0);
  CHECK(relative_error(model.queue1.rows().slice(2, 5), oldest.slice(0, 3)) == 0);
  CHECK(relative_error(model.queued().slice(0, 2), model.prototypes(z.slice(0, 2))) < 1e-6);
  std::vector<std::string> names;
  for (const nn::NamedTensor& entry : model.state())
    if (!entry.name.starts_with("backbone") && !entry.name.starts_with("projector")) names.push_back(entry.name);
  CHECK(names == std::vector<std::string>{"prototypes.weight", "queue0.rows", "queue1.rows"});
}
