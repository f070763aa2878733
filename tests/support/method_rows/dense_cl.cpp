#include <fovea/models/methods/contrastive/dense_cl.h>

#include "support/method_rows.h"

using namespace fovea;

static const testing::AddMethodRow row({"dense_cl", [] {
                                          return std::make_unique<models::DenseCl>(
                                              testing::tiny_backbone(),
                                              models::DenseClOptions{
                                                  .hidden = 12, .out = 8, .negatives = 24, .momentum = 0.9f});
                                        }});
