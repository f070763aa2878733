#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  auto product = [](MatmulOptions options = {}) {
    return [options](const Inputs& in) { return matmul(in[0], in[1], options); };
  };
  auto layer = [](Activation activation = Activation::none) {
    return
        [activation](const Inputs& in) { return linear(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), activation); };
  };
  return {
      {"matmul", {{{7, 13}}, {{13, 5}}}, product()},
      {"matmul of one element", {{{1, 1}}, {{1, 1}}}, product()},
      {"matmul transpose a", {{{13, 7}}, {{13, 5}}}, product({.transpose_a = true})},
      {"matmul transpose b", {{{7, 13}}, {{5, 13}}}, product({.transpose_b = true})},
      {"matmul transpose both", {{{13, 7}}, {{5, 13}}}, product({true, true})},
      {"matmul one past a tile", {{{49, 17}}, {{17, 65}}}, product()},
      {"matmul batched", {{{3, 4, 5}}, {{3, 5, 6}}}, product()},
      {"matmul batched transpose both", {{{2, 3, 5, 4}}, {{2, 3, 6, 5}}}, product({true, true})},
      {"matmul batch times matrix", {{{3, 2, 4, 5}}, {{5, 6}}}, product()},
      {"matmul batch times matrix, a transposed", {{{3, 5, 4}}, {{5, 6}}}, product({.transpose_a = true})},
      {"matmul matrix times batch", {{{4, 5}}, {{2, 3, 5, 6}}}, product()},
      {"matmul broadcast both ways", {{{2, 1, 3, 4}}, {{5, 4, 3}}}, product()},
      {"matmul broadcast both ways, b transposed", {{{2, 1, 3, 4}}, {{1, 5, 3, 4}}}, product({.transpose_b = true})},
      {"matmul broadcast in the middle", {{{2, 1, 3, 2, 4}}, {{2, 5, 3, 4, 2}}}, product()},
      {"matmul of vectors", {{{11}}, {{11}}}, product()},
      {"matmul vector times batch", {{{5}}, {{3, 5, 2}}}, product()},
      {"matmul batch times vector", {{{3, 2, 5}}, {{5}}}, product()},
      {"matmul of an empty batch", {{{0, 3, 4}}, {{4, 5}}}, product()},
      {"matmul over no elements", {{{3, 0}}, {{0, 2}}}, product()},
      {"linear", {{{7, 13}}, {{5, 13}}, {{5}}}, layer()},
      {"linear without bias", {{{2, 3, 13}}, {{5, 13}}}, layer()},
      {"linear of a vector", {{{13}}, {{5, 13}}, {{5}}}, layer()},
      {"linear one past a tile", {{{50, 33}}, {{65, 33}}, {{65}}}, layer()},
      {"linear relu", {{{3, 4, 6}}, {{7, 6}}, {{7}}}, layer(Activation::relu)},
      {"linear relu without bias", {{{9, 6}}, {{3, 6}}}, layer(Activation::relu)},
      {"linear gelu", {{{3, 4, 6}}, {{7, 6}}, {{7}}}, layer(Activation::gelu)},
      {"linear of an empty batch", {{{0, 6}}, {{7, 6}}, {{7}}}, layer(Activation::relu)},
  };
});

}  // namespace fovea::testing
