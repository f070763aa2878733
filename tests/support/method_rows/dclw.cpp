#include <fovea/models/methods/contrastive/dcl.h>

#include "support/method_rows.h"

using namespace fovea;

// At temperature 0.1 without the positive in its denominator, rounding grows from step to step.
static const testing::AddMethodRow row({.name = "dclw",
                                        .make =
                                            [] {
                                              return std::make_unique<models::Dcl>(
                                                  testing::tiny_backbone(),
                                                  models::DclOptions{.out = 8, .weighted = true});
                                            },
                                        .lr = 5e-4,
                                        .tolerance = 3e-4});
