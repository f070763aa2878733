#include <cmath>

#include <fovea/core/ops.h>
#include <fovea/models/parts/encoder.h>

#include "common/training.h"

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

// Images [N, H, W, C] -> embeddings [N, 1024], by a projector of three Linears.
struct FroSsl : Encoder {
  explicit FroSsl(Backbone network) : Encoder(mlp_encoder(std::move(network), {2048, 2048, 1024})) {}
  std::string describe() const override { return "FroSsl"; }
};

}  // namespace fovea::models

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "frossl",
      .title = "FroSSL",
      .paper = "FroSSL: Frobenius Norm Minimization for Self-Supervised Learning (Skean et al., 2023)",
      .presets = {{"imagenette-table", "--epochs 800 --batch 256"}, {"short", "--batch 128 --lr 0.1"}}};
  examples::Options defaults{.data = "synthetic:64", .steps = 2, .batch = 16, .width = 4, .out = "runs/frossl"};
  float weight = 1;
  return examples::run(
      argc, argv, about, defaults, {{"--invariance", "weight of the term that pulls views together", &weight, 0, 1e3}},
      [&](const examples::Options& options) {
        examples::Training training(options);
        models::FroSsl model(training.backbone());
        training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
          Tensor z = model.projector(run.features(model.backbone, batch.group(0)));  // first views, then second views
          Tensor z0 = z.slice(0, batch.size()), z1 = z.slice(batch.size(), 2 * batch.size());
          run.watch(z0, z1);
          return losses::frossl(z0, z1, weight);
        });
      });
}
