#include <set>

#include <fovea/losses/contrastive/nt_xent.h>
#include <fovea/models/methods/contrastive/directclr.h>
#include <fovea/models/methods/contrastive/moco.h>
#include <fovea/models/methods/contrastive/moco_v3.h>
#include <fovea/models/methods/contrastive/nnclr.h>
#include <fovea/models/methods/distillation/byol.h>
#include <fovea/models/methods/distillation/dino.h>
#include <fovea/models/methods/distillation/tico.h>

#include "support/catch.h"
#include "support/method_rows.h"

using namespace fovea;
using namespace fovea::testing;

namespace {

// Two views of four images.
data::Batch four_images() {
  data::Batch batch;
  batch.index = Tensor::arange(4);
  batch.set("views.0", randn({8, 16, 16, 3}));
  return batch;
}

// Random images in the shape of a fixture's first batch, with its other fields.
data::Batch batch_like(const Fixture& torch) {
  auto first = [](const Tensor& t) {
    Shape shape = t.shape();
    shape.erase(0);
    return t.slice(0, 1).reshape(shape);
  };
  data::Batch batch;
  batch.index = first(torch["index"]);
  for (const char* name : {"labels", "places"})
    if (torch.has(name)) batch.set(name, first(torch[name]));
  for (const auto& [name, images] : torch.part("group")) batch.set("views." + name, randn(first(images).shape()));
  return batch;
}

double loss_of(models::Method& method, const data::Batch& batch) {
  models::Step step({.position = models::Position{}});
  return method.loss(batch, step).item();
}

double momentum_of(models::Method& method, int64_t step) {
  return method.teachers().at(0).momentum({.step = step, .steps = 10});
}

}  // namespace

TEST_CASE("a network that tells nothing apart has the loss that is logged as chance", "[methods]") {
  // Losses that compare no K choices have no such level.
  const std::set<std::string> none = {"barlow_twins", "byol",    "fastsiam", "hypersphere", "lejepa",  "mmcr",
                                      "pirl",         "simsiam", "tico",     "vicreg",      "vicregl", "w_mse"};
  for (const MethodRow& row : method_rows()) {
    DYNAMIC_SECTION(row.name) {
      manual_seed(1);
      std::unique_ptr<models::Method> method = row.make();
      const data::Batch batch = batch_like(Fixture(row.name + "_steps"));
      NoGrad no_grad;
      for (nn::NamedTensor& entry : method->named_parameters()) entry.value.fill_(0);
      int told = 0;
      for (int64_t i = 0; i < 2; ++i) {  // a row may take losses in turn
        if (row.before) row.before(*method, i);
        models::Step step({.position = models::Position{.step = i}, .logging = true});
        const double loss = method->loss(batch, step).item();
        for (const auto& [name, value] : step.logged)
          if (name == "chance_loss") {
            CHECK(loss == Approx(value).epsilon(1e-5));
            ++told;
          }
      }
      CHECK((told > 0) == !none.contains(row.name));
    }
  }
}

TEST_CASE("momenta of teachers rise over a run, or stay, as their papers say", "[models]") {
  models::Byol byol(tiny_backbone(), {.hidden = 12, .out = 8, .momentum = 0.5f, .final_momentum = 0.9f});
  CHECK(momentum_of(byol, 0) == Approx(0.5));
  CHECK(momentum_of(byol, 5) == Approx(0.7));
  CHECK(momentum_of(byol, 10) == Approx(0.9));
  models::Dino dino(tiny_backbone(),
                    {.outputs = 6, .hidden = 12, .bottleneck = 4, .momentum = 0.5f, .final_momentum = 0.9f});
  CHECK(momentum_of(dino, 0) == Approx(0.5));
  CHECK(momentum_of(dino, 10) == Approx(0.9));
  models::MocoV3 moco_v3(tiny_backbone(), {.hidden = 12, .out = 8, .momentum = 0.5f});
  CHECK(momentum_of(moco_v3, 0) == Approx(0.5));
  CHECK(momentum_of(moco_v3, 10) == 1);
  models::Tico tico(tiny_backbone(), {.momentum = 0.5f, .hidden = 12, .out = 8});
  CHECK(momentum_of(tico, 0) == Approx(0.5));
  CHECK(momentum_of(tico, 10) == 1);
  models::Moco moco(tiny_backbone(), {.hidden = 12, .out = 8, .negatives = 8, .momentum = 0.5f});
  CHECK(momentum_of(moco, 0) == 0.5);
  CHECK(momentum_of(moco, 10) == 0.5);
}

TEST_CASE("DirectCLR with negatives of the same view is NT-Xent of the first channels", "[models][contrastive]") {
  manual_seed(1);
  models::DirectClr model(tiny_backbone(), {.channels = 5, .temperature = 0.2f, .same_view_negatives = true});
  const data::Batch batch = four_images();
  const Tensor r = slice(model.backbone(batch.group(0)), 1, 0, 5);
  CHECK(loss_of(model, batch) == Approx(losses::nt_xent(r.slice(0, 4), r.slice(4, 8), 0.2f).item()));
}

TEST_CASE("NNCLR with NT-Xent contrasts neighbours and predictions with both", "[models]") {
  manual_seed(1);
  models::Nnclr model(tiny_backbone(), {.hidden = 8, .out = 6, .support = 40, .temperature = 0.2f, .nt_xent = true});
  const data::Batch batch = four_images();
  const Tensor z = model.projector(model.backbone(batch.group(0))), p = model.predictor(z), n = model.neighbours(z);
  const double one = losses::nt_xent(n.slice(0, 4), p.slice(4, 8), 0.2f).item(),
               two = losses::nt_xent(n.slice(4, 8), p.slice(0, 4), 0.2f).item();
  CHECK(loss_of(model, batch) == Approx((one + two) / 2));
}
