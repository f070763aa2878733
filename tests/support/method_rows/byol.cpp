#include <fovea/models/methods/distillation/byol.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({"byol", [] {
                                          return std::make_unique<models::Byol>(
                                              testing::tiny_backbone(),
                                              models::ByolOptions{
                                                  .hidden = 12, .out = 8, .momentum = 0.9f, .final_momentum = 0.9f});
                                        }});
