#include <fovea/models/methods/contrastive/moco_v3.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({"moco_v3", [] {
                                          return std::make_unique<models::MocoV3>(
                                              testing::tiny_backbone(),
                                              models::MocoV3Options{.hidden = 12, .out = 8, .momentum = 0.9f});
                                        }});
