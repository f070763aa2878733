#include <fovea/models/methods/clustering/smog.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({
    .name = "smog",
    .make =
        [] {
          return std::make_unique<models::Smog>(
              testing::tiny_backbone(),
              models::SmogOptions{.groups = 5, .out = 8, .hidden = 12, .momentum = 0.9f, .remembered = 24, .batch = 8});
        },
});
