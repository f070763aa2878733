#pragma once

#include <algorithm>
#include <string>

#include <fovea/core/error.h>
#include <fovea/models/parts/encoder.h>

namespace fovea::models {

// DirectCLR (Jing et al., 2022, arXiv:2110.09348): SimCLR without a projector. The loss sees the first `channels` of
// the backbone's own features, always the same ones; the others learn through the layers before, and all are kept.
// Train on losses::directclr(model(view0), model(view1), model.channels, temperature). Maps images [N, H, W, C] to
// features [N, features()].
struct DirectClr : Encoder {
  int64_t channels;

  // channels 0: the paper's share, 360 of 2048. Throws Error for more than there are.
  explicit DirectClr(Backbone network, int64_t seen = 0)
      : Encoder(std::move(network)),
        channels(seen > 0 ? seen : std::max(int64_t(1), backbone.features() * 360 / 2048)) {
    if (channels > backbone.features())
      throw Error("DirectClr: want at most " + std::to_string(backbone.features()) + " channels, got " +
                  std::to_string(channels));
  }
  std::string describe() const override { return "DirectClr"; }
};

}  // namespace fovea::models
