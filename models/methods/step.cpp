#include <fovea/models/methods/step.h>

#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/models/parts/multi_crop.h>
#include <fovea/nn/train/monitors.h>
#include <fovea/nn/train/recompute.h>

namespace fovea::models {

const Position& Step::position() const {
  check(context_.position.has_value(), "this method's loss depends on the step: want a run without --cuda-graph");
  return *context_.position;
}

Tensor Step::in_chunks(Backbone& backbone, const Tensor& x, const std::function<Tensor(const Tensor&)>& net) const {
  return context_.micro_batch > 0 ? nn::recompute(backbone, x, context_.micro_batch, net) : net(x);
}

Tensor Step::features(Backbone& backbone, const Tensor& x) {
  Tensor h = in_chunks(backbone, x, [&](const Tensor& chunk) { return backbone(chunk); });
  if (context_.probe) context_.probe(h);
  return h;
}

Tensor Step::features(Backbone& backbone, const std::vector<Tensor>& groups) {
  return multi_crop([&](const Tensor& x) { return features(backbone, x); }, groups);
}

Tensor Step::feature_map(Backbone& backbone, const Tensor& x) {
  Tensor map = in_chunks(backbone, x, [&](const Tensor& chunk) { return backbone.feature_map(chunk); });
  if (context_.probe) context_.probe(mean(map, {1, 2}));
  return map;
}

Tensor Step::gather(const Tensor& rows, int64_t views) {
  check(views > 0 && rows.rank() > 0 && rows.size(0) % views == 0, "gather: want rows of {} views alike, got {}", views,
        rows.shape());
  if (world() == 1) return rows;
  std::vector<Tensor> out;
  for (int64_t v = 0, n = rows.size(0) / views; v < views; ++v)
    out.push_back(context_.ranks->gather(rows.slice(v * n, (v + 1) * n)));
  return concat(out);
}

Tensor Step::sum_ranks(const Tensor& x) {
  return world() == 1 ? x.detach() : context_.ranks->sum(x.detach());
}

void Step::watch(const Tensor& z0, const Tensor& z1) {
  read_later([z0 = z0.detach(), z1 = z1.detach()](Step& step) {
    auto [positive, negative] = nn::view_similarities(z0, z1);
    step.log("std", nn::normalized_std(z0));
    step.log("effective_rank", nn::effective_rank(z0));
    step.log("positive_similarity", positive);
    step.log("negative_similarity", negative);
    step.log("dimensions", double(z0.size(1)));
  });
}

void Step::watch_assignments(const Tensor& probabilities) {
  read_later([probabilities = probabilities.detach()](Step& step) {
    NoGrad no_grad;
    Tensor p = probabilities.to(Dtype::f32), average = mean(p, {0});
    auto entropy = [](const Tensor& q) { return -sum(q * fovea::log(q + 1e-12), {-1}); };
    step.log("assignment_entropy", entropy(average).item());
    step.log("sample_entropy", mean(entropy(p)).item());
    step.log("prototypes", double(p.size(1)));
  });
}

void Step::log(const std::string& name, double value) {
  if (watching()) logged.emplace_back(name, value);
}

void Step::read_later(std::function<void(Step&)> reading) {
  if (watching()) readings_.push_back(std::move(reading));
}

void Step::read_into(Step& step) const {
  if (&step != this) step.logged.insert(step.logged.end(), logged.begin(), logged.end());
  for (const auto& reading : readings_) reading(step);
}

TwoViews two_views(const Tensor& z) {
  check(z.rank() > 0 && z.size(0) % 2 == 0, "two_views: want the rows of two views, got {}", z.shape());
  const int64_t n = z.size(0) / 2;
  return {z.slice(0, n), z.slice(n, 2 * n)};
}

}  // namespace fovea::models
