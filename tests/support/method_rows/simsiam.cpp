#include <fovea/models/methods/distillation/simsiam.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({
    .name = "simsiam",
    .make =
        [] {
          return std::make_unique<models::SimSiam>(testing::tiny_backbone(),
                                                   models::SimSiamOptions{.out = 12, .bottleneck = 4});
        },
});
