#include <fovea/losses/vicregl.h>

#include <algorithm>

#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/losses/full_precision.h>

namespace fovea::losses {
namespace {

// The loss of the nearest `count` pairs of places of two maps, near by what stands in `by`.
Tensor matched(const Tensor& map, const Tensor& by, const Tensor& other_map, const Tensor& other_by, int64_t count,
               const VicRegWeights& weights) {
  const int64_t all = map.size(1);
  const Matches matches = match_nearest(by.detach(), other_by.detach(), std::min(count, all));
  return vicreg(count >= all ? map : gather_tokens(map, matches.a), gather_tokens(other_map, matches.b), weights);
}

// An ordered pair of views, by their features or by their places.
Tensor there_and_back(const VicReglView& a, const VicReglView& b, Tensor VicReglView::*by, int64_t there, int64_t back,
                      const VicRegWeights& weights) {
  return (matched(a.map, a.*by, b.map, b.*by, there, weights) + matched(b.map, b.*by, a.map, a.*by, back, weights)) / 2;
}

void check_views(const std::vector<VicReglView>& views) {
  check(views.size() >= 2, "vicregl: want at least two views, got {}", views.size());
  const Shape embedding = views[0].embedding.shape();
  for (const VicReglView& view : views) {
    check(view.embedding.rank() == 2 && view.embedding.size(0) >= 2 && view.embedding.shape() == embedding,
          "vicregl: want embeddings [N, D] of at least two images, the same of each view, got {} and {}", embedding,
          view.embedding.shape());
    check(view.map.rank() == 3 && view.map.size(0) == embedding[0] && view.map.size(2) == views[0].map.size(-1),
          "vicregl: want maps [{}, P, E], E the same of each view, got {} and {}", embedding[0], views[0].map.shape(),
          view.map.shape());
    check(view.centres.shape() == Shape{embedding[0], view.map.size(1), 2},
          "vicregl: want the centres of a map {} as {}, got {}", view.map.shape(),
          Shape{embedding[0], view.map.size(1), 2}, view.centres.shape());
  }
}

}  // namespace

Tensor vicregl(const std::vector<VicReglView>& given, const VicReglOptions& options) {
  check_views(given);
  check(options.matches > 0 && options.matches_back > 0, "vicregl: want at least one match, got {} and {}",
        options.matches, options.matches_back);
  std::vector<VicReglView> views;
  for (const VicReglView& view : given)
    views.push_back({full_precision(view.embedding), full_precision(view.map), view.centres});
  const auto [invariance, variance, covariance] = options.weights;
  const VicRegWeights place_weights{invariance, variance, covariance / 2};

  Tensor spread, agreement, local;
  auto add = [](Tensor& total, const Tensor& term) { total = total.defined() ? total + term : term; };
  for (const VicReglView& view : views)
    add(spread, variance_loss(view.embedding) * variance + covariance_loss(view.embedding) * covariance);
  int pairs = 0;
  for (size_t i = 0; i < 2; ++i)
    for (size_t j = 0; j < views.size(); ++j) {
      if (i == j) continue;
      const VicReglView &a = views[i], &b = views[j];
      const bool all = options.all_feature_matches;
      add(agreement, mse_loss(a.embedding, b.embedding));
      add(local, there_and_back(a, b, &VicReglView::map, all ? a.map.size(1) : options.matches,
                                all ? b.map.size(1) : options.matches_back, place_weights) +
                     there_and_back(a, b, &VicReglView::centres, options.matches, options.matches_back, place_weights));
      ++pairs;
    }
  const Tensor global = agreement * (invariance / pairs) + spread / double(views.size());
  return global * options.alpha + local * ((1 - options.alpha) / pairs);
}

}  // namespace fovea::losses
