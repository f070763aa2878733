#include <fovea/losses/clustering/smog.h>
#include <fovea/losses/clustering/swav.h>
#include <fovea/losses/shared/full_precision.h>

#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  auto smog = [](losses::SmogOptions options) {
    return [options](const Inputs& in) {
      losses::Smog loss(options);
      loss.groups.value = losses::full_precision(in[3]);
      return loss(in[0], in[1], in[2]);
    };
  };
  // Codes are made of the scores, but held fixed by the gradient: the views that give them are constants here.
  auto local = [](const losses::SwavOptions& options) {
    return [options](const Inputs& in) {
      const int64_t views = options.codes + in[0].size(0) / (in[1].size(0) / options.codes);
      return losses::swav(concat({in[1], in[0]}), views, in.size() > 2 ? in[2] : Tensor(), options);
    };
  };
  auto fixed = [](Shape shape) { return Input{shape, Fill::normal, 0, false}; };
  return {
      {"smog", {{{5, 7}}, {{5, 7}}, fixed({5, 7}), fixed({3, 7})}, smog({.groups = 3, .features = 7})},
      {"smog of one row and group",
       {{{1, 1}}, {{1, 1}}, fixed({1, 1}), fixed({1, 1})},
       smog({.groups = 1, .features = 1})},
      {"smog of more groups than rows",
       {{{6, 33}}, {{6, 33}}, fixed({6, 33}), fixed({131, 33})},
       smog({.groups = 131, .features = 33, .beta = 0.5, .temperature = 0.5})},
      {"swav", {{{12, 7}}, fixed({6, 7})}, local({.temperature = 0.5, .epsilon = 0.7})},
      {"swav with queue",
       {{{5, 19}}, fixed({10, 19}), fixed({14, 19})},
       local({.temperature = 0.5, .epsilon = 0.7, .iterations = 4})},
      {"swav of one image and one code", {{{2, 3}}, fixed({1, 3})}, local({.epsilon = 0.7, .codes = 1})},
  };
});

}  // namespace fovea::testing
