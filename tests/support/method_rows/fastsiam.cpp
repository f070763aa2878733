#include <fovea/models/methods/distillation/fastsiam.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({
    .name = "fastsiam",
    .make =
        [] {
          return std::make_unique<models::FastSiam>(testing::tiny_backbone(),
                                                    models::SimSiamOptions{.out = 12, .bottleneck = 4});
        },
});
