#include <fovea/models/eval/knn.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/core/ops.h>
#include <fovea/kernels/topk.h>

namespace fovea::models {

Neighbours nearest(const Tensor& bank, const Tensor& queries, int64_t k) {
  check(
      bank.rank() == 2 && queries.rank() == 2 && bank.size(0) > 0 && bank.size(1) == queries.size(1) &&
          bank.dtype() == Dtype::f32 && queries.dtype() == Dtype::f32 && bank.device() == queries.device(),
      "nearest: want rows f32 [N, D] to look among and [M, D] to look for on one device, got {} {} on {} and {} {} on "
      "{}",
      name_of(bank.dtype()), bank.shape(), bank.device(), name_of(queries.dtype()), queries.shape(), queries.device());
  check(k >= 1, "nearest: want k of at least 1, got {}", k);
  NoGrad no_grad;
  k = std::min(k, bank.size(0));
  int64_t rows = queries.size(0);
  Neighbours out{Tensor::empty({rows, k}, Dtype::i64, queries.device()),
                 Tensor::empty({rows, k}, Dtype::f32, queries.device())};
  const Tensor b = normalize(bank), q = normalize(queries);
  dispatch(queries.device(), [&](auto& ctx) {
    kernels::topk(ctx, {.queries = rows, .rows = bank.size(0), .dim = bank.size(1), .k = k}, q.data<float>(),
                  b.data<float>(), out.similarity.data<float>(), out.index.data<int64_t>());
  });
  return out;
}

Tensor knn_predict(const Features& bank, const Tensor& queries, int64_t classes, const KnnOptions& options) {
  check(options.temperature > 0 && std::isfinite(options.temperature), "knn: want a temperature above 0, got {}",
        options.temperature);
  check(bank.labels.shape() == Shape{bank.values.size(0)}, "knn: want a label for each of {} rows, got {}",
        bank.values.shape(), bank.labels.shape());
  const int64_t* labels = bank.labels.data<int64_t>();
  for (int64_t i = 0; i < bank.labels.numel(); ++i)
    check(labels[i] >= 0 && labels[i] < classes, "knn: want labels from 0 to {}, got {} at row {}", classes - 1,
          labels[i], i);

  Neighbours found = nearest(bank.values, queries, options.k);
  found = {found.index.to(Device::cpu()), found.similarity.to(Device::cpu())};
  int64_t k = found.index.size(1), rows = found.index.size(0);
  for (int64_t j = 0; j < rows * k; ++j)
    check(found.index.data<int64_t>()[j] >= 0,
          "knn: want finite features, query {} has fewer than {} neighbours at a finite distance", j / k, k);
  Tensor out = Tensor::empty({rows}, Dtype::i64);
  std::vector<double> votes(static_cast<size_t>(classes));
  for (int64_t i = 0; i < rows; ++i) {
    const float* similarity = found.similarity.data<float>() + i * k;  // descending
    const int64_t* index = found.index.data<int64_t>() + i * k;
    std::fill(votes.begin(), votes.end(), 0);
    // Less the largest similarity, so that exp() cannot overflow: a common factor of all votes.
    for (int64_t j = 0; j < k; ++j)
      votes[size_t(labels[index[j]])] += std::exp((similarity[j] - similarity[0]) / options.temperature);
    out.data<int64_t>()[i] = std::max_element(votes.begin(), votes.end()) - votes.begin();
  }
  return out;
}

double knn_accuracy(const Features& bank, const Features& queries, int64_t classes, const KnnOptions& options) {
  check(queries.values.size(0) > 0 && queries.labels.shape() == Shape{queries.values.size(0)},
        "knn: want a label for each of {} queries, got {}", queries.values.shape(), queries.labels.shape());
  NoGrad no_grad;
  return mean((knn_predict(bank, queries.values, classes, options) == queries.labels).to(Dtype::f32)).item();
}

}  // namespace fovea::models
