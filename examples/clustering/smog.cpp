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
#include <cmath>

#include <fovea/losses/clustering/smog.h>
#include <fovea/models/methods/clustering/smog.h>
#include <fovea/models/with_loss.h>
#include <fovea/nn/train/ema.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "smog",
      .title = "SMoG",
      .paper = "Unsupervised Visual Representation Learning by Synchronous Momentum Grouping (Pang et al., 2022)",
      .presets = {
          {"imagenette-table", "--epochs 800 --batch 256 --lr 0.01 --weight-decay 1e-6 --decay-all"},
          {"short", "--batch 64 --lr 0.05 --weight-decay 1e-4 --teacher-momentum 0.95 --groups 100 --hidden 1024"}}};
  int groups = 300, period = 300, remembered = 10000, hidden = 2048;
  float beta = 0.99f, momentum = 0.99f, temperature = 0.1f;
  const std::vector<examples::Flag> flags = {
      {"--groups", "number of groups", &groups, 1, 1 << 20},
      {"--beta", "share of a group's feature that stays each step", &beta, 0, 1},
      {"--temperature", "of the classification into groups", &temperature, 1e-3, 100},
      {"--teacher-momentum", "share of the teacher that stays each step", &momentum, 0, 1},
      {"--reset-every", "steps between two k-means that find the groups anew", &period, 1, 1 << 30},
      {"--remember", "projections of late that they are found among", &remembered, 1, 1 << 24},
      {"--hidden", "units of the hidden layers of projector and predictor", &hidden, 1, 1 << 20}};

  examples::Options defaults{.lr = 0.01f, .weight_decay = 1e-6f, .views = "smog"};
  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    const int64_t gathered = std::min<int64_t>(remembered, int64_t(period) * options.batch);
    if (gathered < groups)
      throw examples::UsageError(
          fmt::format("--groups: want at most the {} projections that --remember, --reset-every "
                      "and --batch keep until the first k-means, got {}",
                      gathered, groups));
    examples::Training training(options);
    models::Smog networks(training.backbone(), 128, hidden, remembered);  // draws its weights before the groups
    models::WithLoss model(std::move(networks),
                           losses::Smog({.groups = groups, .features = 128, .beta = beta, .temperature = temperature}));
    training.teacher(model.target, "online.", [&](int64_t, int64_t) { return momentum; });
    training.fit(model, model.online.backbone, [&](const data::Batch& batch, examples::Run& run) {
      if (run.step() > 0 && run.step() % period == 0) {
        model.loss.reset(model.recent.rows().slice(0, std::min<int64_t>(remembered, run.step() * batch.size())));
        nn::ema_update(model.target, model.online, 0);  // the teacher becomes the student
      }
      const int64_t trained = run.step() % 2;                               // the views take turns
      Tensor h = run.features(model.online.backbone, batch.view(trained));  // [N, 512]
      Tensor e0 = model.online.projector(h);                                // [N, 128]
      Tensor e1 = model.target(batch.view(1 - trained));                    // the same, without gradient
      run.watch(e0, e1);
      run.chance(std::log(double(groups)));
      if (run.watching()) run.watch_assignments(one_hot(model.loss.assign(e1), groups));
      Tensor loss = model.loss(model.predictor(e0), e0, e1);
      model.recent.push(e0);
      return loss;
    });
  });
}
