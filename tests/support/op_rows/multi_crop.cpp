#include <fovea/losses/clustering/swav.h>
#include <fovea/losses/distillation/dino.h>
#include <fovea/losses/shared/cross_view.h>

#include "support/op_rows.h"

namespace fovea::testing {

std::vector<OpCase> multi_crop_cases() {
  auto across = [](int64_t views) {
    return [views](const Inputs& in) { return losses::cross_view(in[0], in[1], views); };
  };
  // Codes are made of the scores, but held fixed by the gradient: the views that give them are constants here.
  auto local = [](const losses::SwavOptions& options) {
    return [options](const Inputs& in) {
      const int64_t views = options.codes + in[0].size(0) / (in[1].size(0) / options.codes);
      return losses::swav(concat({in[1], in[0]}), views, in.size() > 2 ? in[2] : Tensor(), options);
    };
  };
  auto distilled = [](int64_t views) {
    return [views](const Inputs& in) {
      losses::Dino dino(in[0].size(1), {.student_temperature = 0.5});
      dino.to(in[0].device());
      return dino(in[0], in[1], views, 0.3);
    };
  };
  auto fixed = [](Shape shape, Fill fill = Fill::normal) { return Input{shape, fill, 0, false}; };
  return {
      {"cross_view", {{{10, 7}}, fixed({4, 7}, Fill::simplex)}, across(5)},
      {"cross_view of one image and one target", {{{3, 13}}, fixed({1, 13}, Fill::simplex)}, across(3)},
      {"cross_view, all views give targets", {{{9, 2}}, fixed({9, 2}, Fill::simplex)}, across(3)},
      {"swav", {{{12, 7}}, fixed({6, 7})}, local({.temperature = 0.5, .epsilon = 0.7})},
      {"swav with queue",
       {{{5, 19}}, fixed({10, 19}), fixed({14, 19})},
       local({.temperature = 0.5, .epsilon = 0.7, .iterations = 4})},
      {"swav of one image and one code", {{{2, 3}}, fixed({1, 3})}, local({.epsilon = 0.7, .codes = 1})},
      {"dino", {{{10, 19}}, fixed({4, 19})}, distilled(5)},
      {"dino of two views", {{{14, 33}}, fixed({14, 33})}, distilled(2)},
  };
}

}  // namespace fovea::testing
