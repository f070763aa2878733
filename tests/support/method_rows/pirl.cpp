#include <fovea/models/methods/contrastive/pirl.h>

#include "support/method_rows.h"
#include "support/method_rows/given_noise.h"

using namespace fovea;

using Pirl = testing::GivenNoise<models::Pirl>;

static const testing::AddMethodRow row({.name = "pirl",
                                        .make =
                                            [] {
                                              return std::make_unique<Pirl>(
                                                  testing::tiny_backbone(), 32,
                                                  models::PirlOptions{.out = 8, .temperature = 0.2f});
                                            },
                                        .before = [](models::Method& method,
                                                     int64_t step) { dynamic_cast<Pirl&>(method).step = step; }});
