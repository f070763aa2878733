#include <fovea/losses/distillation/dino.h>
#include <fovea/losses/distillation/negative_cosine.h>
#include <fovea/losses/distillation/tico.h>
#include <fovea/losses/shared/full_precision.h>

#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
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
  auto distilled = [](int64_t views) {
    return [views](const Inputs& in) {
      losses::Dino dino(in[0].size(1), {.student_temperature = 0.5});
      dino.to(in[0].device());
      return dino(in[0], in[1], views, 0.3);
    };
  };
  auto fixed = [](Shape shape) { return Input{shape, Fill::normal, 0, false}; };
  return {
      {"negative_cosine", {{{5, 7}}, {{5, 7}}}, cosine},
      // The cosine of numbers is their sign: its gradient is 1 / |x| - 1 / |x|.
      {"negative_cosine of one row", {{{1, 1}}, fixed({1, 1})}, cosine, true, 1e-6, 1e-5, 0.02, 0.1},
      {"negative_cosine of wide rows", {{{3, 1031}}, fixed({3, 1031})}, cosine},
      {"negative_cosine with the mean of two others", {{{15, 7}}, {{15, 7}}}, others(3)},
      {"negative_cosine with the mean of three others", {{{4, 33}}, fixed({4, 33})}, others(4)},
      {"tico", {{{5, 7}}, {{5, 7}}, fixed({7, 7})}, tico({.features = 7})},
      {"tico of one row", {{{1, 3}}, fixed({1, 3}), fixed({3, 3})}, tico({.features = 3, .rho = 20, .beta = 0.5})},
      {"tico of more rows than features", {{{67, 17}}, fixed({67, 17}), fixed({17, 17})}, tico({.features = 17})},
      {"dino", {{{10, 19}}, fixed({4, 19})}, distilled(5)},
      {"dino of two views", {{{14, 33}}, fixed({14, 33})}, distilled(2)},
  };
});

}  // namespace fovea::testing
