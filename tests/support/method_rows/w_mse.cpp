#include <fovea/models/methods/decorrelation/w_mse.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({
    .name = "w_mse",
    .make =
        [] {
          return std::make_unique<models::WMse>(testing::tiny_backbone(),
                                                models::WMseOptions{.out = 3, .hidden = 12, .group = 8});
        },
    .tolerance = 5e-4  // eight images of three dimensions: small pivots magnify rounding
});
