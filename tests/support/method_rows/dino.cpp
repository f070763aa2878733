#include <fovea/models/methods/distillation/dino.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({
    .name = "dino",
    .make =
        [] {
          return std::make_unique<models::Dino>(testing::tiny_backbone(), models::DinoOptions{.outputs = 10,
                                                                                              .hidden = 12,
                                                                                              .bottleneck = 8,
                                                                                              .momentum = 0.9f,
                                                                                              .final_momentum = 0.9f,
                                                                                              .frozen_epochs = 0});
        },
});
