#include <fovea/models/methods/contrastive/supcon.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({"supcon", [] {
                                          return std::make_unique<models::SupCon>(testing::tiny_backbone(),
                                                                                  models::SupConOptions{.out = 8});
                                        }});
