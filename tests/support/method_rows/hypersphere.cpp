#include <fovea/models/methods/contrastive/hypersphere.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({"hypersphere", [] {
                                          return std::make_unique<models::Hypersphere>(
                                              testing::tiny_backbone(), models::HypersphereOptions{.out = 8});
                                        }});
