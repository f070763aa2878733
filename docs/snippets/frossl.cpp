#include <cmath>

#include <fovea/core/ops.h>
#include <fovea/models/methods/method.h>
#include <fovea/models/parts/heads.h>

#include "common/train.h"

namespace fovea::losses {

// FroSSL (Skean et al., 2023, arXiv:2310.02903): z0, z1 [N, D] are embeddings of two views. Each column is divided by
// its length over the batch; then views of an image are pulled together, and the Frobenius norm of each view's
// similarities is kept small, which spreads the rows. All rows equal give 0, z0 = z1 = I_2 gives -2 log 2.
Tensor frossl(const Tensor& z0, const Tensor& z1, double weight = 1) {
  auto columns = [](const Tensor& z) { return z / sqrt(sum(z * z, {0}, true) + 1e-12); };
  Tensor a = columns(z0), b = columns(z1), difference = a - b;
  auto log_norm = [](const Tensor& z) {
    Tensor k = matmul(z, z, {.transpose_a = z.size(0) > z.size(1), .transpose_b = z.size(0) <= z.size(1)});
    return log(sum(k * k)) - 2 * std::log(double(z.size(1)));
  };
  return log_norm(a) + log_norm(b) + weight * sum(difference * difference) / double(z0.size(0));
}

}  // namespace fovea::losses

namespace fovea::models {

struct FroSslOptions {
  int64_t hidden = 2048, out = 1024;  // units of the projector's hidden layers and of its last
  float invariance = 1;               // w, weight of the squared distance of two views
};

// FroSSL (Skean et al., 2023, arXiv:2310.02903) trains a backbone and a projector of three Linears on losses::frossl. A
// batch has two views of each image.
struct FroSsl : Method {
  explicit FroSsl(Backbone network, const FroSslOptions& o = {}, Generator& generator = default_generator())
      : options(o), backbone(std::move(network)) {
    projector = mlp_head({backbone.features(), o.hidden, o.hidden, o.out}, LastNorm::none, generator);
  }
  Tensor loss(const data::Batch& batch, Step& step) override {
    Tensor z = projector(step.features(backbone, batch.group(0)));  // [2N, out], view after view
    const auto [z1, z2] = two_views(step.gather(z, 2));
    step.watch(z1, z2);
    return losses::frossl(z1, z2, options.invariance);
  }
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("projector", projector); }
  std::string describe() const override { return "FroSsl"; }

  FroSslOptions options;
  Backbone backbone;
  nn::Sequential projector;
};

}  // namespace fovea::models

using namespace fovea;

int main(int argc, char** argv) {
  models::FroSslOptions options;
  const examples::Program program{
      .about = {.method = "frossl",
                .title = "FroSSL",
                .paper = "FroSSL: Frobenius Norm Minimization for Self-Supervised Learning (Skean et al., 2023)",
                .presets = {{"imagenette-table", "--epochs 800 --batch 256"}, {"short", "--batch 128 --lr 0.1"}}},
      .defaults = {.fit = {.steps = 2, .batch = 16, .out = "runs/frossl"}, .data = "synthetic:64", .width = 4},
      .flags = {{"--invariance", "weight w of the squared distance of two views", &options.invariance, 0, 1e3}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::FroSsl(setup.backbone(), options, setup.generator());
  });
}
