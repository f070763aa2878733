#include <fovea/models/methods/contrastive/directclr.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({"directclr", [] {
                                          return std::make_unique<models::DirectClr>(
                                              testing::tiny_backbone(), models::DirectClrOptions{.channels = 6});
                                        }});
