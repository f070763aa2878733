// W-MSE: the views of an image attract after their batches were whitened; whitened embeddings cannot collapse.
// Whitening for Self-Supervised Representation Learning (Ermolov et al., 2021), arXiv:2007.06346.
//
//   bin/w_mse --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/w_mse --data cifar10:DIR --epochs 1000 --batch 512 --out runs/cifar
//   bin/w_mse --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// Defaults are the paper's for CIFAR-10 but for the schedule, a cosine here, and the colours, which come after the
// crop. Groups are drawn on the host, so --cuda-graph does not apply. docs/methods/w_mse.md tells the rest.
#include <algorithm>

#include <fovea/models/methods/decorrelation/w_mse.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::WMseOptions options{.group = 0};
  int count = 2;
  const examples::Program program{
      .about = {.method = "w_mse",
                .title = "W-MSE",
                .paper = "Whitening for Self-Supervised Representation Learning (Ermolov et al., 2021)",
                .presets = {{"imagenette-table",
                             "--epochs 800 --batch 256 --optimizer sgd "
                             "--lr 0.06 --weight-decay 5e-4 --decay-all --warmup 0"},
                            {"short", "--batch 128 --min-scale 0.5 --embedding 16 --lr 0.001"}}},
      .defaults = {.fit = {.lr = 1.5e-3f, .optimizer = "adam", .weight_decay = 1e-6f, .warmup = 0.005f},
                   .views = "simsiam"},
      .flags = {{"--embedding",
                 "dimensions D of the embeddings, which are whitened (0: half the size of a group, at most 64)",
                 &options.out, 0, 1 << 20},
                {"--group",
                 "number of images n that are whitened together, a divisor of the batch size (0: the batch size, at "
                 "most 128)",
                 &options.group, 0, 1 << 20},
                {"--iterations", "number of random divisions into groups in each step; the loss is the mean over them",
                 &options.iterations, 1, 1000},
                {"--view-count", "number of views V of each image", &count, 2, 100},
                {"--eps", "eps of the whitening: (1 - eps) S + eps I takes the place of the covariance S", &options.eps,
                 0, 1}},
      // The paper's: SimSiam's with less grayscale and bicubic crops.
      .views = [&](const examples::Options& run, int size) {
        return examples::make_views(run, size).cycle(count).with([](data::Recipe& recipe) {
          recipe.gray = 0.1f;
          recipe.filter = data::Filter::bicubic;
        });
      }};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    if (options.group == 0) options.group = std::min(setup.options.fit.batch, 128);
    return models::WMse(setup.backbone(), options, setup.generator());
  });
}
