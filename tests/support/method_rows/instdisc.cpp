#include <fovea/models/methods/contrastive/instdisc.h>

#include "support/method_rows.h"
#include "support/method_rows/given_noise.h"

using namespace fovea;

using InstDisc = testing::GivenNoise<models::InstDisc>;

// Noise contrast and the full softmax in turn.
static const testing::AddMethodRow row({.name = "instdisc",
                                        .make =
                                            [] {
                                              return std::make_unique<InstDisc>(
                                                  testing::tiny_backbone(), 32,
                                                  models::InstDiscOptions{.out = 8, .temperature = 0.2f});
                                            },
                                        .before =
                                            [](models::Method& method, int64_t step) {
                                              auto& instdisc = dynamic_cast<InstDisc&>(method);
                                              instdisc.step = step;
                                              instdisc.options.loss = step % 2 ? "softmax" : "nce";
                                            }});
