#include <fovea/losses/nt_xent.h>
#include <fovea/models/simclr.h>

#include "support/method_cases.h"

namespace fovea::testing {

std::vector<MethodCase> contrastive_methods() {
  return {{"simclr", [] {
             auto model = std::make_shared<models::SimClr>(tiny_backbone(), 8);
             return Method{model, [model](const data::Batch& batch, int64_t) {
                             Tensor z = (*model)(batch.groups[0]);
                             return losses::nt_xent(z.slice(0, batch.size()), z.slice(batch.size(), 2 * batch.size()),
                                                    0.5);
                           }};
           }}};
}

}  // namespace fovea::testing
