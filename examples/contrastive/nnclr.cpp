// NNCLR: the positive of a view is the other view's nearest neighbour among earlier images.
// With a Little Help from My Friends: Nearest-Neighbor Contrastive Learning of Visual Representations (Dwibedi et al.,
// 2021), arXiv:2104.14548.
//
//   bin/nnclr --preset short --limit 10000 --width 16     Fashion-MNIST, a small one for two cores
//   bin/nnclr --data cifar10:DIR --epochs 200 --out runs/cifar
//   bin/nnclr --preset imagenette-table --data imagefolder:DIR
//
// The defaults are the paper's, but for a support set of 4096 where it has 98304: it should be a part of the dataset
// that earlier batches refresh within an epoch. docs/methods/nnclr.md tells the rest.
#include <cmath>

#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/losses/contrastive/nt_xent.h>
#include <fovea/models/methods/contrastive/nnclr.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "nnclr",
      .title = "NNCLR",
      .paper = "With a Little Help from My Friends: Nearest-Neighbor Contrastive Learning (Dwibedi et al., 2021)",
      .presets = {{"imagenette-table",
                   "--views simclr --nt-xent --temperature 0.5 --optimizer sgd --lr 0.06 --weight-decay 5e-4 "
                   "--decay-all --warmup 0 --epochs 800 --batch 256"},
                  {"short",
                   "--views simclr --strength 2 --optimizer sgd --batch 128 --lr 0.24 --weight-decay 5e-4 --warmup 0 "
                   "--temperature 0.2 --hidden 512 --nt-xent"}}};
  float temperature = 0.1f;
  int support = 4096, hidden = 2048;
  bool symmetric_negatives = false;
  const std::vector<examples::Flag> flags = {
      {"--temperature", "of the loss", &temperature, 1e-3, 100},
      {"--support", "embeddings in the support set", &support, 1, 1 << 24},
      {"--hidden", "units of the projector's hidden layers; the predictor's has twice as many", &hidden, 1, 1 << 20},
      {"--nt-xent", "contrast with both sides' rows, as lightly does", &symmetric_negatives}};
  const examples::Options defaults{
      .lr = 0.3f, .optimizer = "lars", .weight_decay = 1e-6f, .warmup = 0.01f, .views = "byol"};

  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::Nnclr model(training.backbone(), {.hidden = hidden, .predictor_hidden = 2 * hidden, .support = support});
    auto contrast = [&](const Tensor& neighbours, const Tensor& predictions) {
      return symmetric_negatives ? losses::nt_xent(neighbours, predictions, temperature)
                                 : losses::info_nce(neighbours, predictions, temperature);
    };
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      const int64_t n = batch.size();
      Tensor z = model.projector(run.features(model.backbone, batch.group(0)));  // [2N, 256]
      Tensor p = model.predictor(z).to(Dtype::f32), near = model.neighbours(z);  // of near no gradient is kept
      run.watch(z.slice(0, n), z.slice(n, 2 * n));
      run.chance(std::log(double(symmetric_negatives ? 2 * n - 1 : n)));
      model.support.push(normalize(z.slice(0, n)));
      return (contrast(near.slice(0, n), p.slice(n, 2 * n)) + contrast(near.slice(n, 2 * n), p.slice(0, n))) / 2;
    });
  });
}
