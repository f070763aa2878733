#include <fovea/models/methods/contrastive/nnclr.h>

#include "support/method_rows.h"

using namespace fovea;

// At temperature 0.1 a nearest row that changes by rounding is another target.
static const testing::AddMethodRow row({.name = "nnclr",
                                        .make =
                                            [] {
                                              return std::make_unique<models::Nnclr>(
                                                  testing::tiny_backbone(),
                                                  models::NnclrOptions{
                                                      .hidden = 12, .out = 8, .predictor_hidden = 10, .support = 24});
                                            },
                                        .tolerance = 5e-4});
