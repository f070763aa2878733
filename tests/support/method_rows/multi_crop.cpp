#include <fovea/losses/clustering/swav.h>
#include <fovea/losses/distillation/dino.h>
#include <fovea/models/methods/clustering/swav.h>
#include <fovea/models/methods/clustering/swav_queue.h>
#include <fovea/models/methods/distillation/dino.h>
#include <fovea/models/parts/multi_crop.h>
#include <fovea/models/with_loss.h>

#include "support/method_rows.h"

namespace fovea::testing {

namespace {

const models::SwavOptions kSwav{.prototypes = 10, .hidden = 12, .out = 8};

Method swav() {
  auto model = std::make_shared<models::Swav>(tiny_backbone(), kSwav);
  return {model, [model](const data::Batch& batch, int64_t) {
            model->prototypes.normalize_();
            Tensor z = normalize(model->projector(models::multi_crop(model->backbone, batch.groups())));
            return losses::swav(model->prototypes(z), batch.view_count());
          }};
}

Method swav_queue() {
  auto model = std::make_shared<models::SwavQueue>(tiny_backbone(), 20, kSwav);
  return {model, [model](const data::Batch& batch, int64_t) {
            model->prototypes.normalize_();
            Tensor z = normalize(model->projector(models::multi_crop(model->backbone, batch.groups())));
            Tensor loss = losses::swav(model->prototypes(z), batch.view_count(), model->queued());
            model->remember(z, batch.size());
            return loss;
          }};
}

Method dino() {
  auto model = std::make_shared<models::WithLoss<models::Dino, losses::Dino>>(
      models::Dino(tiny_backbone(), {.outputs = 10, .hidden = 12, .bottleneck = 8}), losses::Dino(10));
  auto loss = [model](const data::Batch& batch, int64_t) {
    Tensor student = model->student.projector(models::multi_crop(model->student.backbone, batch.groups()));
    return model->loss(student, model->teacher(batch.group(0)), batch.view_count());
  };
  return {model, loss, &model->teacher, "student."};
}

}  // namespace

std::vector<MethodCase> multi_crop_methods() {
  return {{"swav", swav}, {"swav_queue", swav_queue}, {"dino", dino}};
}

}  // namespace fovea::testing
