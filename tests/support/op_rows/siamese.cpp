#include <fovea/losses/clustering/smog.h>
#include <fovea/losses/distillation/negative_cosine.h>
#include <fovea/losses/distillation/tico.h>
#include <fovea/losses/shared/full_precision.h>

#include "support/op_rows.h"

namespace fovea::testing {

// The losses of methods that learn from pairs of views without negatives.
std::vector<OpCase> siamese_cases() {
  auto cosine = [](const Inputs& in) { return losses::negative_cosine(in[0], in[1]); };
  auto others = [](int64_t views) {
    return [views](const Inputs& in) { return losses::negative_cosine(in[0], losses::mean_of_others(in[1], views)); };
  };
  auto tico = [](losses::TicoOptions options) {
    return [options](const Inputs& in) {
      losses::Tico loss(options);
      loss.covariance.value = losses::full_precision(in[2]);
      return loss(in[0], in[1]);
    };
  };
  auto smog = [](losses::SmogOptions options) {
    return [options](const Inputs& in) {
      losses::Smog loss(options);
      loss.groups.value = losses::full_precision(in[3]);
      return loss(in[0], in[1], in[2]);
    };
  };
  auto fixed = [](Shape shape) { return Input{shape, Fill::normal, 0, false}; };
  return {
      {"negative_cosine", {{{5, 7}}, {{5, 7}}}, cosine},
      // The cosine of numbers is their sign: its gradient is 1 / |x| - 1 / |x|.
      {"negative_cosine of one row", {{{1, 1}}, fixed({1, 1})}, cosine, true, 1e-6, 0.5, 0.5},
      {"negative_cosine of wide rows", {{{3, 1031}}, fixed({3, 1031})}, cosine},
      {"negative_cosine with the mean of two others", {{{15, 7}}, {{15, 7}}}, others(3)},
      {"negative_cosine with the mean of three others", {{{4, 33}}, fixed({4, 33})}, others(4)},
      {"tico", {{{5, 7}}, {{5, 7}}, fixed({7, 7})}, tico({.features = 7})},
      {"tico of one row", {{{1, 3}}, fixed({1, 3}), fixed({3, 3})}, tico({.features = 3, .rho = 20, .beta = 0.5})},
      {"tico of more rows than features", {{{67, 17}}, fixed({67, 17}), fixed({17, 17})}, tico({.features = 17})},
      {"smog", {{{5, 7}}, {{5, 7}}, fixed({5, 7}), fixed({3, 7})}, smog({.groups = 3, .features = 7})},
      {"smog of one row and group",
       {{{1, 1}}, {{1, 1}}, fixed({1, 1}), fixed({1, 1})},
       smog({.groups = 1, .features = 1})},
      {"smog of more groups than rows",
       {{{6, 33}}, {{6, 33}}, fixed({6, 33}), fixed({131, 33})},
       smog({.groups = 131, .features = 33, .beta = 0.5, .temperature = 0.5})},
  };
}

}  // namespace fovea::testing
