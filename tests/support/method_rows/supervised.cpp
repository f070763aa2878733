#include <fovea/models/methods/supervised/supervised.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({
    .name = "supervised",
    .make =
        [] {
          return std::make_unique<models::Supervised>(testing::tiny_backbone(),
                                                      models::SupervisedOptions{.classes = 3, .label_smoothing = 0.1f});
        },
});
