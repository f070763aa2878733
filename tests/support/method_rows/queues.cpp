#include <fovea/losses/contrastive/dense_info_nce.h>
#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/losses/contrastive/instance.h>
#include <fovea/models/methods/contrastive/dense_cl.h>
#include <fovea/models/methods/contrastive/instdisc.h>
#include <fovea/models/methods/contrastive/moco.h>
#include <fovea/models/methods/contrastive/nnclr.h>
#include <fovea/models/methods/contrastive/pirl.h>
#include <fovea/models/with_loss.h>

#include "support/method_rows.h"

namespace fovea::testing {

namespace {

using models::WithLoss;

// Rows of the second view's first, as losses of both directions pair them.
Tensor other(const Tensor& views, int64_t view) {
  const int64_t n = views.size(0) / 2;
  return view == 0 ? views.slice(n, 2 * n) : views.slice(0, n);
}

Method moco() {
  auto model = std::make_shared<models::Moco>(tiny_backbone(), models::Moco::Options{12, 8, 24});
  auto loss = [model](const data::Batch& batch, int64_t) {
    Tensor q = model->query(batch.group(0)), k = normalize(model->key(batch.group(0)));
    const Tensor& rows = model->queue.rows();
    Tensor out = (losses::info_nce(other(q, 1), other(k, 0), rows, 0.2) +
                  losses::info_nce(other(q, 0), other(k, 1), rows, 0.2)) /
                 2;
    model->queue.push(k);
    return out;
  };
  return {model, loss, &model->key, "query."};
}

Method moco_v3() {
  auto model = std::make_shared<models::MocoV3>(tiny_backbone(), 12, 8);
  auto loss = [model](const data::Batch& batch, int64_t) {
    Tensor q = model->predictor(model->query(batch.group(0))), k = model->key(batch.group(0));
    return 2.0 * (losses::info_nce(other(q, 1), other(k, 0), 1) + losses::info_nce(other(q, 0), other(k, 1), 1));
  };
  return {model, loss, &model->key, "query."};
}

Method nnclr() {
  auto model = std::make_shared<models::Nnclr>(tiny_backbone(), models::Nnclr::Options{12, 8, 10, 24});
  return {model, [model](const data::Batch& batch, int64_t) {
            Tensor z = (*model)(batch.group(0)), p = model->predictor(z), near = model->neighbours(z);
            model->support.push(normalize(z.slice(0, batch.size())));
            return (losses::info_nce(other(near, 1), other(p, 0), 0.1) +
                    losses::info_nce(other(near, 0), other(p, 1), 0.1)) /
                   2;
          }};
}

// The rows of the bank that instdisc_steps.py and pirl_steps.py take as noise.
Tensor noise(const models::MemoryBank& bank, int64_t step) {
  std::vector<int64_t> index;
  for (int64_t i = 0; i < 11; ++i) index.push_back((i * 7 + step) % bank.size());
  return bank.at(Tensor::from<int64_t>({11}, index).to(bank.rows().device()));
}

Method instdisc() {
  auto model = std::make_shared<WithLoss<models::InstDisc, losses::InstanceNce>>(
      models::InstDisc(tiny_backbone(), 32, 8), losses::InstanceNce(32, 0.2));
  return {model, [model](const data::Batch& batch, int64_t step) {
            Tensor v = (*model)(batch.group(0));
            Tensor out = step % 2 ? losses::instance_softmax(v, model->bank.rows(), batch.index, 0.2)
                                  : model->loss(v, model->bank.at(batch.index), noise(model->bank, step));
            model->bank.update(batch.index, v);
            return out;
          }};
}

Method pirl() {
  auto model = std::make_shared<WithLoss<models::Pirl, losses::InstanceNce>>(models::Pirl(tiny_backbone(), 32, 8),
                                                                             losses::InstanceNce(32, 0.2));
  return {model, [model](const data::Batch& batch, int64_t step) {
            Tensor v = (*model)(batch.group(0)), w = model->jigsaw(batch.group(1));
            Tensor positive = model->bank.at(batch.index), negative = noise(model->bank, step);
            Tensor first = model->loss(v, positive, negative);  // Z is guessed from the images
            Tensor out = 0.5 * first + 0.5 * model->loss(w, positive, negative);
            model->bank.update(batch.index, v);
            return out;
          }};
}

Method dense_cl() {
  auto model = std::make_shared<models::DenseCl>(tiny_backbone(),
                                                 models::DenseCl::Options{.hidden = 12, .out = 8, .negatives = 24});
  auto loss = [model](const data::Batch& batch, int64_t) {
    models::DenseFeatures q = model->query(batch.view(0)), k = model->keys(batch.view(1));
    Tensor matches = losses::dense_matches(q.map, k.map);
    Tensor out = 0.5 * losses::info_nce(q.global, k.global, model->queue.rows(), 0.2) +
                 0.5 * losses::dense_info_nce(q.dense, k.dense, matches, model->dense_queue.rows(), 0.2);
    model->remember(k);
    return out;
  };
  return {model, loss, &model->key, "query."};
}

}  // namespace

std::vector<MethodCase> queues_methods() {
  // NNCLR at temperature 0.1: a nearest row that changes by rounding is another target.
  return {{"moco", moco},         {"moco_v3", moco_v3}, {"nnclr", nnclr, 0.005, 5e-4},
          {"instdisc", instdisc}, {"pirl", pirl},       {"dense_cl", dense_cl}};
}

}  // namespace fovea::testing
