#include <fovea/models/methods/decorrelation/barlow_twins.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({
    .name = "barlow_twins",
    .make =
        [] {
          return std::make_unique<models::BarlowTwins>(testing::tiny_backbone(),
                                                       models::BarlowTwinsOptions{.width = 12});
        },
    .lr = 0.001,
});
