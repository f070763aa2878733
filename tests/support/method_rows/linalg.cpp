#include <fovea/losses/decorrelation/mmcr.h>
#include <fovea/losses/decorrelation/w_mse.h>
#include <fovea/models/methods/decorrelation/mmcr.h>
#include <fovea/models/methods/decorrelation/w_mse.h>

#include "support/method_rows.h"

namespace fovea::testing {

std::vector<MethodCase> linalg_methods() {
  return {{"w_mse",
           [] {
             auto model = std::make_shared<models::WMse>(tiny_backbone(), 3, 12);
             return Method{model, [model](const data::Batch& batch, int64_t) {
                             return losses::w_mse((*model)(batch.group(0)), {.group = batch.size()});
                           }};
           },
           0.005, 5e-4},  // eight images of three dimensions: small pivots magnify rounding
          {"mmcr", [] {
             auto model = std::make_shared<models::Mmcr>(tiny_backbone(), std::vector<int64_t>{12, 6}, true);
             return Method{model,
                           [model](const data::Batch& batch, int64_t) {
                             return losses::mmcr((*model)(batch.group(0)), {.lambda = 0.1},
                                                 (*model->momentum)(batch.group(0)));
                           },
                           &*model->momentum};
           }}};
}

}  // namespace fovea::testing
