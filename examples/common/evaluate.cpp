#include "common/evaluate.h"

#include <fovea/core/autocast.h>

namespace fovea::examples {

Evaluator::Evaluator(const Options& options, nn::Module& model, models::Network features, data::Split split,
                     const models::KnnOptions& knn)
    : options_(options),
      model_(model),
      features_(std::move(features)),
      split_(std::move(split)),
      views_(data::test_views(split_.train->image_size())),
      knn_(knn) {
  probe_.seed = uint64_t(options.seed);
}

models::ExtractOptions Evaluator::extract_options() const {
  return {.workers = options_.workers, .device = options_.device};
}

void Evaluator::extract() {
  models::EvalMode eval(model_);
  Autocast autocast(options_.bf16);
  bank_ = models::extract(features_, split_.train, views_, extract_options());
  queries_ = models::extract(features_, split_.test, views_, extract_options());
}

double Evaluator::knn() const {
  return knn(bank_, queries_);
}

models::ProbeResult Evaluator::linear() const {
  return linear(bank_, queries_);
}

double Evaluator::knn(const models::Features& bank, const models::Features& queries) const {
  return models::knn_accuracy({bank.values.to(options_.device), bank.labels},
                              {queries.values.to(options_.device), queries.labels}, classes(), knn_);
}

models::ProbeResult Evaluator::linear(const models::Features& bank, const models::Features& queries) const {
  return models::linear_probe(bank.to(options_.device), queries.to(options_.device), classes(), probe_);
}

Evaluator::Pixels Evaluator::pixels() const {
  models::Features bank = models::pixels(split_.train, views_, extract_options()),
                   queries = models::pixels(split_.test, views_, extract_options());
  return {knn(bank, queries), linear(bank, queries)};
}

}  // namespace fovea::examples
