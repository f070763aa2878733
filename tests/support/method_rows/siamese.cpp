#include <fovea/losses/clustering/smog.h>
#include <fovea/losses/distillation/negative_cosine.h>
#include <fovea/losses/distillation/tico.h>
#include <fovea/models/methods/clustering/smog.h>
#include <fovea/models/methods/distillation/byol.h>
#include <fovea/models/methods/distillation/fastsiam.h>
#include <fovea/models/methods/distillation/tico.h>
#include <fovea/models/with_loss.h>

#include "support/method_rows.h"

namespace fovea::testing {

namespace {

// Both views' predictions p against each other's targets z, [2N, D] each.
Tensor crossed(const Tensor& p, const Tensor& z) {
  const int64_t n = p.size(0) / 2;
  return (losses::negative_cosine(p.slice(0, n), z.slice(n, 2 * n)) +
          losses::negative_cosine(p.slice(n, 2 * n), z.slice(0, n))) /
         2;
}

Method byol() {
  auto model = std::make_shared<models::Byol>(tiny_backbone(), 8, 12);
  auto loss = [model](const data::Batch& batch, int64_t) {
    const Tensor& x = batch.group(0);
    return crossed(model->predictor(model->online(x)), model->target(x));
  };
  return {model, loss, &model->target, "online."};
}

Method simsiam() {
  auto model = std::make_shared<models::SimSiam>(tiny_backbone(), 12, 4);
  return {model, [model](const data::Batch& batch, int64_t) {
            Tensor z = (*model)(batch.group(0));
            return crossed(model->predictor(z), z.detach());
          }};
}

Method fastsiam() {
  auto model = std::make_shared<models::FastSiam>(tiny_backbone(), 12, 4);
  return {model, [model](const data::Batch& batch, int64_t) {
            Tensor z = (*model)(batch.group(0));
            return losses::negative_cosine(model->predictor(z), losses::mean_of_others(z.detach(), batch.view_count()));
          }};
}

Method tico() {
  auto model = std::make_shared<models::WithLoss<models::Tico, losses::Tico>>(models::Tico(tiny_backbone(), 8, 12),
                                                                              losses::Tico({.features = 8}));
  auto loss = [model](const data::Batch& batch, int64_t) {
    return model->loss(model->online(batch.view(0)), model->target(batch.view(1)));
  };
  return {model, loss, &model->target, "online."};
}

Method smog() {
  auto model = std::make_shared<models::WithLoss<models::Smog, losses::Smog>>(
      models::Smog(tiny_backbone(), 8, 12, 24), losses::Smog({.groups = 5, .features = 8}));
  auto loss = [model](const data::Batch& batch, int64_t step) {
    Tensor e0 = model->online(batch.view(step % 2)), e1 = model->target(batch.view(1 - step % 2));
    Tensor value = model->loss(model->predictor(e0), e0, e1);
    model->recent.push(e0);
    return value;
  };
  return {model, loss, &model->target, "online."};
}

}  // namespace

std::vector<MethodCase> siamese_methods() {
  return {{"byol", byol}, {"simsiam", simsiam}, {"fastsiam", fastsiam}, {"tico", tico}, {"smog", smog}};
}

}  // namespace fovea::testing
