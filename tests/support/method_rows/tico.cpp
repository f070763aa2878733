#include <fovea/models/methods/distillation/tico.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({
    .name = "tico",
    .make =
        [] {
          return std::make_unique<models::Tico>(testing::tiny_backbone(),
                                                models::TicoOptions{.momentum = 0.9f, .hidden = 12, .out = 8});
        },
});
