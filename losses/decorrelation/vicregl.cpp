#include <fovea/losses/decorrelation/vicregl.h>

#include <algorithm>

#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/losses/shared/full_precision.h>

namespace fovea::losses {
namespace {

// A view in full precision, with what its whole map lacks in variance and has in covariance: most sets of pairs hold
// every place of the one map, so it is wanted several times.
struct Places : VicReglView {
  Tensor spread;
};

// The terms of a map's places for themselves, one branch of two.
Tensor spread_of(const Tensor& map, const VicRegOptions& weights) {
  return variance_loss(map) * (weights.variance / 2) + covariance_loss(map) * (weights.covariance / 2);
}

// VICReg of the nearest `count` pairs of places of two maps, near by their features or by their centres.
Tensor matched(const Places& a, const Places& b, Tensor VicReglView::*by, int64_t count, const VicRegOptions& weights) {
  const int64_t all = a.map.size(1);
  const Matches matches = match_nearest((a.*by).detach(), (b.*by).detach(), std::min(count, all));
  const Tensor theirs = gather_tokens(b.map, matches.b), ours = count < all ? gather_tokens(a.map, matches.a) : a.map;
  return mse_loss(ours, theirs) * weights.invariance + spread_of(theirs, weights) +
         (count < all ? spread_of(ours, weights) : a.spread);
}

// There and back.
Tensor matched_both_ways(const Places& a, const Places& b, Tensor VicReglView::*by, int64_t there, int64_t back,
                         const VicRegOptions& weights) {
  return (matched(a, b, by, there, weights) + matched(b, a, by, back, weights)) / 2;
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
  std::vector<Places> views;
  Tensor spread, agreement, local;
  auto add = [](Tensor& total, const Tensor& term) { total = total.defined() ? total + term : term; };
  const auto [invariance, variance, covariance] = options.weights;
  for (const VicReglView& view : given) {
    const Tensor z = full_precision(view.embedding), map = full_precision(view.map);
    views.push_back({{z, map, view.centres}, spread_of(map, options.weights)});
    add(spread, variance_loss(z) * variance + covariance_loss(z) * covariance);
  }
  int pairs = 0;
  for (size_t i = 0; i < 2; ++i)
    for (size_t j = 0; j < views.size(); ++j) {
      if (i == j) continue;
      const Places &a = views[i], &b = views[j];
      add(agreement, mse_loss(a.embedding, b.embedding));
      const bool all = options.all_feature_matches, same = all && i + j == 1;  // for (0, 1) as for (1, 0)
      if (!same || i == 0)
        add(local, matched_both_ways(a, b, &VicReglView::map, all ? a.map.size(1) : options.matches,
                                     all ? b.map.size(1) : options.matches_back, options.weights) *
                       (same ? 2 : 1));
      add(local,
          matched_both_ways(a, b, &VicReglView::centres, options.matches, options.matches_back, options.weights));
      ++pairs;
    }
  const Tensor global = agreement * (invariance / pairs) + spread / double(views.size());
  return global * options.alpha + local * ((1 - options.alpha) / pairs);
}

}  // namespace fovea::losses
