#include <fovea/models/methods/contrastive/moco.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row(
    {"moco", [] {
       return std::make_unique<models::Moco>(
           testing::tiny_backbone(),
           models::MocoOptions{.hidden = 12, .out = 8, .negatives = 24, .momentum = 0.9f, .symmetric = true});
     }});
