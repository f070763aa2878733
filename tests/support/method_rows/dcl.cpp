#include <fovea/models/methods/contrastive/dcl.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row(
    {"dcl", [] { return std::make_unique<models::Dcl>(testing::tiny_backbone(), models::DclOptions{.out = 8}); },
     5e-4});
