#include <fovea/losses/contrastive/dcl.h>
#include <fovea/losses/contrastive/directclr.h>
#include <fovea/losses/contrastive/hypersphere.h>
#include <fovea/losses/contrastive/nt_xent.h>
#include <fovea/losses/contrastive/supcon.h>
#include <fovea/models/methods/contrastive/directclr.h>
#include <fovea/models/methods/contrastive/hypersphere.h>
#include <fovea/models/methods/contrastive/simclr.h>
#include <fovea/models/methods/contrastive/supcon.h>

#include "support/method_rows.h"

namespace fovea::testing {

namespace {

using PairLoss = std::function<Tensor(const Tensor& z0, const Tensor& z1)>;

// The model on both views in one batch, and a loss of what it makes of each.
template <class Model>
Method of_two_views(Model network, PairLoss loss) {
  auto model = std::make_shared<Model>(std::move(network));
  return {model, [model, loss](const data::Batch& batch, int64_t) {
            Tensor z = (*model)(batch.group(0));
            return loss(z.slice(0, batch.size()), z.slice(batch.size(), 2 * batch.size()));
          }};
}

Method simclr_with(PairLoss loss) {
  return of_two_views(models::SimClr(tiny_backbone(), 8), std::move(loss));
}

Method supcon() {
  auto model = std::make_shared<models::SupCon>(tiny_backbone(), 8);
  return {model, [model](const data::Batch& batch, int64_t) {
            return losses::supcon((*model)(batch.group(0)), batch.labels(), 0.1);
          }};
}

}  // namespace

std::vector<MethodCase> contrastive_methods() {
  using T = const Tensor&;
  return {
      {"simclr", [] { return simclr_with([](T z0, T z1) { return losses::nt_xent(z0, z1, 0.5); }); }},
      {"dcl", [] { return simclr_with([](T z0, T z1) { return losses::dcl(z0, z1, 0.1); }); }, 5e-4},
      {"dclw", [] { return simclr_with([](T z0, T z1) { return losses::dclw(z0, z1, 0.1, 0.5); }); }, 5e-4},
      {"supcon", supcon},
      {"directclr",
       [] {
         return of_two_views(models::DirectClr(tiny_backbone(), 6),
                             [](T r0, T r1) { return losses::directclr(r0, r1, 6, 0.1); });
       }},
      {"hypersphere",
       [] {
         return of_two_views(models::Hypersphere(tiny_backbone(), 8),
                             [](T x, T y) { return losses::hypersphere(x, y); });
       }},
  };
}

}  // namespace fovea::testing
