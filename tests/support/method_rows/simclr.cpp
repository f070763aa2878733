#include <fovea/models/methods/contrastive/simclr.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({"simclr", [] {
                                          return std::make_unique<models::SimClr>(testing::tiny_backbone(),
                                                                                  models::SimClrOptions{.out = 8});
                                        }});
