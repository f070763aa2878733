#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  // Directions in the dtype of what is projected.
  auto along = [](const Tensor& z, const Tensor& directions) {
    return directions.to(z.dtype() == Dtype::f64 ? Dtype::f64 : Dtype::f32);
  };
  auto normality = [along](const Inputs& in) { return sigreg(in[0], along(in[0], in[1])); };
  auto fixed = [](Shape shape) { return Input{shape, Fill::normal, 0, false}; };
  return {
      {"sigreg", {{{2, 5, 3}}, fixed({3, 7})}, normality},
      {"sigreg of one row", {{{1, 1, 1}}, fixed({1, 1})}, normality},
      {"sigreg of more slices than a block", {{{2, 3, 4}}, fixed({4, 67})}, normality},
      {"sigreg of many rows", {{{1, 131, 3}}, fixed({3, 9})}, normality},
  };
});

}  // namespace fovea::testing
