#include <fovea/losses/decorrelation/barlow_twins.h>
#include <fovea/losses/decorrelation/lejepa.h>
#include <fovea/losses/decorrelation/vicregl.h>

#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  auto barlow = [](const Inputs& in) { return losses::barlow_twins(in[0], in[1], 0.1); };
  auto vicreg = [](const Inputs& in) { return losses::vicreg(in[0], in[1]); };
  auto covariance = [](const Inputs& in) { return losses::covariance_loss(in[0]); };
  // Directions in the dtype of what is projected.
  auto along = [](const Tensor& z, const Tensor& directions) {
    return directions.to(z.dtype() == Dtype::f64 ? Dtype::f64 : Dtype::f32);
  };
  auto lejepa = [along](int64_t globals) {
    return [along, globals](const Inputs& in) { return losses::lejepa(in[0], globals, along(in[0], in[1]), 0.3); };
  };
  // Two views of embeddings, maps and centres.
  auto vicregl = [](losses::VicReglOptions options) {
    return [options](const Inputs& in) {
      return losses::vicregl({{in[0], in[1], in[4]}, {in[2], in[3], in[5]}}, options);
    };
  };
  auto fixed = [](Shape shape) { return Input{shape, Fill::normal, 0, false}; };
  return {
      {"lejepa", {{{4, 5, 3}}, fixed({3, 7})}, lejepa(2)},
      {"lejepa of global views alone", {{{2, 3, 17}}, fixed({17, 33})}, lejepa(2)},
      {"barlow_twins", {{{7, 3}}, {{7, 3}}}, barlow},
      {"barlow_twins of wide rows", {{{5, 19}}, {{5, 19}}}, barlow},
      {"vicreg", {{{7, 3}}, {{7, 3}}}, vicreg},
      {"vicreg of wide rows", {{{5, 19}}, {{5, 19}}}, vicreg},
      {"vicreg of two images", {{{2, 1}}, {{2, 1}}}, vicreg},
      {"covariance_loss of maps", {{{5, 4, 17}}}, covariance},
      {"covariance_loss of narrow maps", {{{9, 3, 2}}}, covariance},
      {"vicregl", {{{4, 5}}, {{4, 9, 3}}, {{4, 5}}, {{4, 9, 3}}, fixed({4, 9, 2}), fixed({4, 9, 2})}, vicregl({})},
      {"vicregl of maps of two sizes",
       {{{5, 2}}, {{5, 6, 17}}, {{5, 2}}, {{5, 4, 17}}, fixed({5, 6, 2}), fixed({5, 4, 2})},
       vicregl({.matches = 3, .matches_back = 1, .all_feature_matches = false})},
  };
});

}  // namespace fovea::testing
