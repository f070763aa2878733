#include <fovea/models/methods/clustering/swav.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({
    .name = "swav_queue",
    .make =
        [] {
          return std::make_unique<models::Swav>(
              testing::tiny_backbone(),
              models::SwavOptions{
                  .prototypes = 10, .hidden = 12, .out = 8, .frozen_epochs = 0, .queue = 20, .queue_start = 0});
        },
});
