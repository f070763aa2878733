#include <fovea/models/methods/contrastive/instdisc.h>

#include <cmath>

#include <fovea/core/check.h>
#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

InstDisc::InstDisc(Backbone network, int64_t images, const InstDiscOptions& o, Generator& generator)
    : options(o),
      backbone(std::move(network)),
      bank(images, o.out, generator),
      projector(contrast_head(backbone.features(), 0, o.out, o.batch_norm, generator)),
      nce(images, o.temperature) {
  check(o.loss == "nce" || o.loss == "softmax" || o.loss == "info-nce",
        "InstDisc: want the loss nce, softmax or info-nce, got {}", o.loss);
}

Tensor InstDisc::loss(const data::Batch& batch, Step& step) {
  Tensor v = step.gather(projector(step.features(backbone, batch.view(0))));  // [N, out]
  Tensor index = step.gather(batch.index), own = bank.at(index), loss;
  step.watch(v, own);
  if (options.loss == "softmax") {
    step.chance(std::log(double(bank.size())));
    loss = losses::instance_softmax(v, bank.rows(), index, options.temperature);
  } else if (options.loss == "info-nce") {
    step.chance(std::log(1.0 + double(options.negatives)));
    loss = losses::info_nce(v, own.to(v.dtype()), noise(), options.temperature);
  } else {
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
