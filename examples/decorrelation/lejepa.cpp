// LeJEPA: all views of an image agree, and every projection of the embeddings onto a line is normally distributed.
// LeJEPA: Provable and Scalable Self-Supervised Learning Without the Heuristics (Balestriero & LeCun, 2025),
// arXiv:2511.08544.
//
//   bin/lejepa --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/lejepa --data cifar10:DIR --epochs 400 --out runs/cifar
//   bin/lejepa --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// No teacher, no predictor, no stop-gradient, no negatives. Defaults are the authors' for ResNets on ImageNet, with two
// global and six local views; docs/methods/lejepa.md tells the rest.
#include <fovea/losses/decorrelation/lejepa.h>
#include <fovea/models/methods/decorrelation/lejepa.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "lejepa",
      .title = "LeJEPA",
      .paper =
          "LeJEPA: Provable and Scalable Self-Supervised Learning Without the Heuristics (Balestriero & LeCun, 2025)",
      .presets = {{"imagenette-table",
                   "--views lejepa-equal --epochs 800 --batch 256 --lr 2e-3 --weight-decay 0.05 --warmup 0.00125 "
                   "--out-features 16 --lambda 0.02 --slices 256"},
                  {"short", "--views simclr --batch 128 --lr 4e-3 --weight-decay 5e-4 --warmup 0.1"}}};
  float lambda = 0.05f;
  int slices = 1024, out = 64;
  const std::vector<examples::Flag> flags = {
      {"--lambda", "weight of SIGReg; the agreement of views has the rest", &lambda, 0, 1},
      {"--slices", "random directions of SIGReg, new ones each step", &slices, 1, 1 << 20},
      {"--out-features", "of the projector", &out, 1, 1 << 20}};

  examples::Options defaults{
      .lr = 5e-4f, .optimizer = "adamw", .weight_decay = 5e-4f, .warmup = 0.01f, .views = "lejepa"};
  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::LeJepa model(training.backbone(), out);
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      std::vector<Tensor> h;  // [V N, 512]: view after view, the global ones first
      for (const Tensor& views : batch.groups()) h.push_back(run.features(model.backbone, views));
      Tensor z = model.projector(concat(h)).reshape({batch.view_count(), batch.size(), out});
      const int64_t globals = batch.group(0).size(0) / batch.size();
      run.watch(z.slice(0, 1).reshape({-1, out}), z.slice(1, 2).reshape({-1, out}));
      return losses::lejepa(z, globals, random_directions(out, slices, default_generator(), options.device), lambda);
    });
  });
}
