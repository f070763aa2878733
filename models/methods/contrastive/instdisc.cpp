#include <fovea/models/methods/contrastive/instdisc.h>

#include <cmath>

#include <fovea/core/check.h>
#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

const Choices<InstDiscLoss>& instdisc_losses() {
  static const Choices<InstDiscLoss> all = {
      {"nce", "noise-contrastive estimation (NCE) with K images drawn at random as noise", InstDiscLoss::nce},
      {"softmax", "cross entropy over all n rows of the memory bank", InstDiscLoss::softmax},
      {"info-nce", "InfoNCE: cross entropy over the image's own row of the memory bank and K rows drawn at random",
       InstDiscLoss::info_nce}};
  return all;
}

InstDisc::InstDisc(Backbone network, int64_t images, const InstDiscOptions& o, Generator& generator)
    : options(o),
      backbone(std::move(network)),
      bank({.images = images, .dim = o.out}, generator),
      projector(contrast_head({.in = backbone.features(), .out = o.out, .batch_norm = o.batch_norm}, generator)),
      nce({.images = images, .temperature = o.temperature}) {
  instdisc_losses().at(o.loss, "InstDisc");
}

Tensor InstDisc::loss(const data::Batch& batch, Step& step) {
  Tensor v = step.gather(projector(step.features(backbone, batch.view(0))));  // [N, out]
  Tensor index = step.gather(batch.index), own = bank.at(index), loss;
  step.watch(v, own);
  switch (instdisc_losses().at(options.loss, "InstDisc")) {
    case InstDiscLoss::softmax:
      step.chance(std::log(double(bank.size())));
      loss = losses::instance_softmax(v, bank.rows(), index, options.temperature);
      break;
    case InstDiscLoss::info_nce:
      step.chance(std::log(1.0 + double(options.negatives)));
      loss = losses::info_nce(v, own.to(v.dtype()), noise(), options.temperature);
      break;
    case InstDiscLoss::nce:
      loss = nce(v, own, noise());
  }
  bank.update(index, v, options.bank_momentum);
  return loss;
}

void InstDisc::visit(nn::Visitor& v) {
  v("backbone", backbone);
  v("projector", projector);
  v("bank", bank);
  v("loss", nce);
}

}  // namespace fovea::models
