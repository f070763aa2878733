#pragma once

#include <optional>
#include <vector>

#include <fovea/models/methods/method.h>
#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

struct MmcrOptions {
  int64_t hidden = 512;       // units of the projector's hidden layers
  int64_t hidden_layers = 1;  // number of hidden layers; the paper's ImageNet runs: two of 8192, and D = 512
  int64_t out = 128;          // D, units of the projector's last layer
  float lambda = 0;           // weight of ||Z_b||_*, which makes each image's views compact
  float momentum = 0;         // m of the momentum network; 0: no such network
};

// MMCR (Yerxa et al., 2023, arXiv:2303.03307): the means of all images' views spread over as many directions as
// possible. With z = projector(f(x)), rows divided by their lengths, C [N, D] their means over the views and Z_b the
// views of image b,
//
//   loss = -||C||_* + lambda / N sum_b ||Z_b||_*                            ||.||_*: the sum of singular values
//
// The paper's ImageNet runs have a second network that follows, and C is the mean of both networks' means:
//
//   momentum network = m momentum network + (1 - m) network                 after the step
//
// Its names start with "momentum.". The projector is Linear-BN-ReLU from width to width, the last Linear plain, none
// with a bias. A batch has the views of each image in one group.
struct Mmcr : Method {
  explicit Mmcr(Backbone network, const MmcrOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  std::vector<Follows> teachers() override;
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "Mmcr"; }

  MmcrOptions options;
  Backbone backbone;
  nn::Sequential projector;
  std::optional<Teacher<Encoder>> momentum;
};

}  // namespace fovea::models
