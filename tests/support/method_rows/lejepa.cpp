#include <fovea/models/methods/decorrelation/lejepa.h>

#include "support/method_rows.h"

using namespace fovea;

namespace {

// The directions of each step are the fixture's.
struct GivenDirections : models::LeJepa {
  using LeJepa::LeJepa;
  void before_step(const models::Position& at) override { step = at.step; }
  Tensor directions(Device device) override {
    return given.slice(step, step + 1).reshape({options.out, options.slices}).to(device);
  }

  Tensor given = testing::Fixture("lejepa_steps")["directions"];
  int64_t step = 0;
};

const testing::AddMethodRow row({
    .name = "lejepa",
    .make =
        [] {
          return std::make_unique<GivenDirections>(testing::tiny_backbone(),
                                                   models::LeJepaOptions{.slices = 40, .out = 6, .hidden = 12});
        },
});

}  // namespace
