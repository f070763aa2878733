#include <fovea/models/training/evaluator.h>

#include <fovea/core/autocast.h>
#include <fovea/core/ops.h>
#include <fovea/nn/train/monitors.h>

namespace fovea::models {

Evaluator::Evaluator(const FitOptions& options, nn::Module& model, Network features, data::Split split,
                     const KnnOptions& knn)
    : options_(options),
      model_(model),
      features_(std::move(features)),
      split_(std::move(split)),
      views_(data::test_views(split_.train->image_size())),
      knn_(knn) {
  probe_.seed = uint64_t(options.seed);
}

ExtractOptions Evaluator::extract_options() const {
  return {.workers = options_.workers, .device = options_.device};
}

void Evaluator::extract() {
  EvalMode eval(model_);
  Autocast autocast(options_.bf16);
  bank_ = models::extract(features_, split_.train, views_, extract_options());
  queries_ = models::extract(features_, split_.test, views_, extract_options());
}

double Evaluator::knn() const {
  return knn(bank_, queries_);
}

ProbeResult Evaluator::linear() const {
  return linear(bank_, queries_);
}

double Evaluator::rank_me() const {
  const int64_t n = bank_.values.size(0), stride = (n + 1023) / 1024;
  return nn::effective_rank(slice(bank_.values, 0, 0, n, stride));
}

std::optional<double> Evaluator::few_labels(int64_t per_class) const {
  const std::vector<int64_t> labels = bank_.labels.to_vector<int64_t>();
  std::vector<int64_t> labelled, others, counts(size_t(classes()), 0);
  for (size_t i = 0; i < labels.size(); ++i) {
    int64_t& count = counts[size_t(labels[i])];
    (count++ < per_class ? labelled : others).push_back(int64_t(i));
  }
  if (others.empty()) return {};
  std::vector<int64_t> asked;
  for (size_t i = 0, stride = (others.size() + 1999) / 2000; i < others.size(); i += stride) asked.push_back(others[i]);
  auto rows = [&](const std::vector<int64_t>& which) {
    const Tensor index = Tensor::from<int64_t>({int64_t(which.size())}, which);
    std::vector<int64_t> their;
    for (int64_t i : which) their.push_back(labels[size_t(i)]);
    return Features{gather_rows(bank_.values, index).to(options_.device),
                    Tensor::from<int64_t>({int64_t(which.size())}, their)};
  };
  return knn_accuracy(rows(labelled), rows(asked), classes(), {.k = 10});
}

double Evaluator::accuracy(OnlineProbe& probe) const {
  const Features queries = queries_.to(options_.device);
  return mean((probe.predict(queries.values) == queries.labels).to(Dtype::f32)).item();
}

double Evaluator::knn(const Features& bank, const Features& queries) const {
  return knn_accuracy({bank.values.to(options_.device), bank.labels},
                      {queries.values.to(options_.device), queries.labels}, classes(), knn_);
}

ProbeResult Evaluator::linear(const Features& bank, const Features& queries) const {
  return linear_probe(bank.to(options_.device), queries.to(options_.device), classes(), probe_);
}

Evaluator::Pixels Evaluator::pixels() const {
  Features bank = models::pixels(split_.train, views_, extract_options()),
           queries = models::pixels(split_.test, views_, extract_options());
  return {knn(bank, queries), linear(bank, queries)};
}

}  // namespace fovea::models
