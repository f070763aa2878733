#include <fovea/losses/decorrelation/barlow_twins.h>
#include <fovea/losses/decorrelation/lejepa.h>
#include <fovea/losses/decorrelation/vicregl.h>
#include <fovea/models/methods/decorrelation/barlow_twins.h>
#include <fovea/models/methods/decorrelation/lejepa.h>
#include <fovea/models/methods/decorrelation/vicreg.h>
#include <fovea/models/methods/decorrelation/vicregl.h>

#include "support/method_rows.h"

namespace fovea::testing {

namespace {

// View `v` of rows that stand view after view.
Tensor of_view(const Tensor& rows, int64_t v, const data::Batch& batch) {
  return rows.slice(v * batch.size(), (v + 1) * batch.size());
}

Method barlow_twins() {
  auto model = std::make_shared<models::BarlowTwins>(tiny_backbone(), 12);
  return {model, [model](const data::Batch& batch, int64_t) {
            Tensor z = (*model)(batch.group(0));
            return losses::barlow_twins(of_view(z, 0, batch), of_view(z, 1, batch));
          }};
}

Method vicreg() {
  auto model = std::make_shared<models::VicReg>(tiny_backbone(), 12);
  return {model, [model](const data::Batch& batch, int64_t) {
            Tensor z = (*model)(batch.group(0));
            return losses::vicreg(of_view(z, 0, batch), of_view(z, 1, batch));
          }};
}

Method vicregl() {
  auto model = std::make_shared<models::VicRegL>(tiny_backbone(), models::VicRegLOptions{.width = 12, .local = 8});
  return {model, [model](const data::Batch& batch, int64_t) {
            Tensor map = model->backbone.feature_map(batch.group(0)), z = model->embedding(map),
                   places = model->local(map);
            std::vector<losses::VicReglView> views;
            for (int64_t v = 0; v < 2; ++v) {
              Tensor crop = batch["places"].slice(v, v + 1).reshape({batch.size(), 2, 3});
              views.push_back(
                  {of_view(z, v, batch), of_view(places, v, batch), cell_centres(crop, map.size(1), map.size(2))});
            }
            return losses::vicregl(views, {.matches = 3, .matches_back = 1});
          }};
}

Method lejepa() {
  auto model = std::make_shared<models::LeJepa>(tiny_backbone(), 6, 12);
  return {model, [model, directions = Fixture("lejepa_steps")["directions"]](const data::Batch& batch, int64_t step) {
            std::vector<Tensor> h;
            for (const Tensor& views : batch.groups()) h.push_back(model->backbone(views));
            Tensor z = model->projector(concat(h)).reshape({4, batch.size(), 6});
            return losses::lejepa(z, 2, directions.slice(step, step + 1).reshape({6, 40}).to(z.device()));
          }};
}

}  // namespace

std::vector<MethodCase> decorrelation_methods() {
  return {{"barlow_twins", barlow_twins, 0.001}, {"vicreg", vicreg}, {"vicregl", vicregl}, {"lejepa", lejepa}};
}

}  // namespace fovea::testing
