#include <fovea/models/methods/decorrelation/vicregl.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({
    .name = "vicregl",
    .make =
        [] {
          return std::make_unique<models::VicRegL>(
              testing::tiny_backbone(),
              models::VicRegLOptions{.matches = 3, .matches_back = 1, .width = 12, .local = 8});
        },
});
