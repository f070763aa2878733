// Instance discrimination: every image is a class of its own, whose weights a memory bank of past features holds.
// Unsupervised Feature Learning via Non-Parametric Instance Discrimination (Wu et al., 2018), arXiv:1805.01978.
//
//   bin/instdisc --preset short --limit 10000 --width 16      Fashion-MNIST, a small one for two cores
//   bin/instdisc --data cifar10:DIR --epochs 200 --loss softmax --temperature 0.1 --out runs/cifar
//
// The defaults are the paper's for ImageNet, noise contrast against 4096 images. --loss softmax is exact and for up to
// some 100,000 images; --loss info-nce is cross entropy over the image's own row and the noise.
// docs/methods/instdisc.md tells the rest.
#include <cmath>

#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/losses/contrastive/instance.h>
#include <fovea/models/methods/contrastive/instdisc.h>
#include <fovea/models/with_loss.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "instdisc",
      .title = "Instance discrimination",
      .paper = "Unsupervised Feature Learning via Non-Parametric Instance Discrimination (Wu et al., 2018)",
      .presets = {
          {"imagenette-table", "--loss softmax --temperature 0.1 --epochs 800 --batch 256"},
          {"short",
           "--loss softmax --temperature 0.3 --bank-momentum 0 --batch-norm --views simclr --strength 2 --batch 128 "
           "--lr 0.01 --warmup 0.1 --weight-decay 5e-4"}}};
  std::string kind = "nce";
  float temperature = 0.07f, bank_momentum = 0.5f;
  int negatives = 4096;
  bool batch_norm = false;
  const std::vector<examples::Flag> flags = {
      {"--loss", "nce, softmax or info-nce", &kind},
      {"--temperature", "of the loss", &temperature, 1e-3, 100},
      {"--negatives", "images drawn as noise each step; not for softmax", &negatives, 1, 1 << 24},
      {"--bank-momentum", "share of an image's row that stays when it is seen", &bank_momentum, 0, 1},
      {"--batch-norm", "after the head", &batch_norm}};
  const examples::Options defaults{.lr = 0.03f, .weight_decay = 1e-4f, .decay_all = true, .views = "mocov1"};

  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    if (kind != "nce" && kind != "softmax" && kind != "info-nce")
      throw examples::UsageError("--loss: want nce, softmax or info-nce, got " + kind);
    examples::Training training(options,
                                [&](int size) { return data::Views({examples::make_views(options, size)[0]}); });
    const int64_t images = training.images().size();
    models::WithLoss<models::InstDisc, losses::InstanceNce> model(
        models::InstDisc(training.backbone(), images, 128, batch_norm), losses::InstanceNce(images, temperature));
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      Tensor v = model.projector(run.features(model.backbone, batch.views[0]));  // [N, 128]
      Tensor own = model.bank.at(batch.index), loss;
      run.watch(v, own);
      if (kind == "softmax") {
        run.chance(std::log(double(images)));
        loss = losses::instance_softmax(v, model.bank.rows(), batch.index, temperature);
      } else if (kind == "info-nce") {
        run.chance(std::log(1.0 + negatives));
        loss = losses::info_nce(v, own.to(v.dtype()), model.bank.sample(negatives), temperature);
      } else {
        loss = model.loss(v, own, model.bank.sample(negatives));
      }
      model.bank.update(batch.index, v, bank_momentum);
      return loss;
    });
  });
}
