#include <fovea/models/methods/decorrelation/mmcr.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({
    .name = "mmcr",
    .make =
        [] {
          return std::make_unique<models::Mmcr>(
              testing::tiny_backbone(), models::MmcrOptions{.hidden = 12, .out = 6, .lambda = 0.1f, .momentum = 0.9f});
        },
});
