// SMoG: images are told apart by the groups they belong to, and the groups move within the step that learns from them.
// Unsupervised Visual Representation Learning by Synchronous Momentum Grouping (Pang et al., 2022), arXiv:2207.06167.
//
//   bin/smog --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/smog --data cifar10:DIR --epochs 400 --out runs/cifar
//   bin/smog --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// Steps differ (views take turns, groups are reset), so --cuda-graph does not apply. docs/methods/smog.md has the
// recipe beside the paper's.
#include <algorithm>

#include <fmt/format.h>

#include <fovea/models/methods/clustering/smog.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::SmogOptions options;
  const examples::Program program{
      .about = {.method = "smog",
                .title = "SMoG",
                .paper =
                    "Unsupervised Visual Representation Learning by Synchronous Momentum Grouping (Pang et al., 2022)",
                .presets =
                    {{"imagenette-table", "--epochs 800 --batch 256 --lr 0.01 --weight-decay 1e-6 --decay-all"},
                     {"short",
                      "--batch 64 --lr 0.05 --weight-decay 1e-4 --teacher-momentum 0.95 --groups 100 --hidden 1024"}}},
      .defaults = {.fit = {.lr = 0.01f, .weight_decay = 1e-6f}, .views = "smog"},
      .flags = {{"--groups", "number of groups G", &options.groups, 1, 1 << 20},
                {"--beta", "beta of the groups: c_k = beta c_k + (1 - beta) mean of the projections nearest to c_k",
                 &options.beta, 0, 1},
                {"--temperature", "temperature t of the softmax over the groups", &options.temperature, 1e-3, 100},
                {"--teacher-momentum", "momentum m of the target network: target = m target + (1 - m) online",
                 &options.momentum, 0, 1},
                {"--reset-every", "number of steps between two runs of k-means, whose centres replace the groups",
                 &options.reset_every, 1, 1 << 30},
                {"--remember", "number of recent projections that k-means runs on", &options.remembered, 1, 1 << 24},
                {"--hidden", "units of the hidden layers of projector and predictor", &options.hidden, 1, 1 << 20}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    options.batch = setup.options.fit.batch;
    const int64_t gathered = std::min(options.remembered, options.reset_every * options.batch);
    if (gathered < options.groups)
      throw examples::UsageError(
          fmt::format("--groups: want at most the {} projections that --remember, --reset-every "
                      "and --batch keep until the first k-means, got {}",
                      gathered, options.groups));
    return models::Smog(setup.backbone(), options, setup.generator());
  });
}
