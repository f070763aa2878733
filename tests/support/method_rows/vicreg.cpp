#include <fovea/models/methods/decorrelation/vicreg.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({
    .name = "vicreg",
    .make =
        [] { return std::make_unique<models::VicReg>(testing::tiny_backbone(), models::VicRegOptions{.width = 12}); },
});
