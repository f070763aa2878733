#include <fovea/models/methods/contrastive/dcl.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({"dclw",
                                        [] {
                                          return std::make_unique<models::Dcl>(
                                              testing::tiny_backbone(), models::DclOptions{.out = 8, .weighted = true});
                                        },
                                        5e-4});
