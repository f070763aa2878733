// VICReg: two views agree, every dimension of the embeddings keeps its variance, and no two correlate.
// VICReg: Variance-Invariance-Covariance Regularization (Bardes et al., 2021), arXiv:2105.04906.
//
//   bin/vicreg --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/vicreg --data cifar10:DIR --epochs 1000 --out runs/cifar
//   bin/vicreg --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// Networks, views, weights and optimiser are the paper's; docs/methods/vicreg.md tells the rest.
#include <fovea/losses/decorrelation/vicreg.h>
#include <fovea/models/methods/decorrelation/vicreg.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "vicreg",
      .title = "VICReg",
      .paper = "VICReg: Variance-Invariance-Covariance Regularization (Bardes et al., 2021)",
      .presets = {{"imagenette-table",
                   "--views vicreg --epochs 800 --batch 256 --optimizer lars-lightly --lr 0.3 --weight-decay 1e-4 "
                   "--decay-all --warmup 0.05"},
                  {"short", "--batch 128 --optimizer sgd --lr 0.06 --weight-decay 5e-4 --warmup 0.1"}}};
  float invariance = 25, variance = 25, covariance = 1;
  int width = 0;
  const std::vector<examples::Flag> flags = {
      {"--invariance", "weight of the distance between two views", &invariance, 0, 1e6},
      {"--variance", "weight of the dimensions' lack of variance", &variance, 0, 1e6},
      {"--covariance", "weight of the covariances", &covariance, 0, 1e6},
      {"--projection", "units of the projector's layers; 0: four times the features", &width, 0, 1 << 20}};

  examples::Options defaults{.lr = 0.2f, .optimizer = "lars", .weight_decay = 1e-6f, .warmup = 0.01f, .views = "byol"};
  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    const losses::VicRegWeights weights{invariance, variance, covariance};
    examples::Training training(options);
    models::VicReg model(training.backbone(), width);
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      Tensor h = run.features(model.backbone, batch.group(0));  // [2N, 512]: first views, then second views
      Tensor z = model.projector(h);                            // [2N, 2048]
      Tensor z0 = z.slice(0, batch.size()), z1 = z.slice(batch.size(), 2 * batch.size());
      run.watch(z0, z1);
      return losses::vicreg(z0, z1, weights);
    });
  });
}
