#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  auto conv = [](Conv2dOptions options) {
    return [options](const Inputs& in) { return conv2d(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), options); };
  };
  auto conv_1d = [](Conv1dOptions options) {
    return [options](const Inputs& in) { return conv1d(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), options); };
  };
  auto transpose = [](ConvTranspose2dOptions options) {
    return [options](const Inputs& in) {
      return conv_transpose2d(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), options);
    };
  };
  return {
      {"conv2d 3x3", {{{2, 5, 7, 3}}, {{4, 3, 3, 3}}, {{4}}}, conv({.padding = 1})},
      {"conv2d 3x3 of 16 channels", {{{1, 3, 5, 16}}, {{16, 3, 3, 16}}}, conv({.padding = 1})},
      {"conv2d stride 2", {{{2, 7, 6, 3}}, {{5, 3, 3, 3}}}, conv({.stride = 2, .padding = 1})},
      {"conv2d uneven stride, padding and dilation",
       {{{1, 9, 8, 2}}, {{3, 2, 3, 2}}, {{3}}},
       conv({.stride = {1, 3}, .padding = {2, 1}, .dilation = {3, 2}})},
      {"conv2d 1x1", {{{2, 3, 1, 17}}, {{5, 1, 1, 17}}, {{5}}}, conv({})},
      {"conv2d groups", {{{2, 4, 5, 6}}, {{9, 3, 3, 2}}, {{9}}}, conv({.padding = 1, .groups = 3})},
      {"conv2d depthwise", {{{1, 5, 4, 7}}, {{7, 3, 3, 1}}}, conv({.stride = 2, .padding = 1, .groups = 7})},
      {"conv2d of no images", {{{0, 4, 4, 2}}, {{3, 3, 3, 2}}, {{3}}}, conv({})},
      {"conv2d relu", {{{2, 5, 7, 3}}, {{4, 3, 3, 3}}, {{4}}}, conv({.padding = 1, .activation = Activation::relu})},
      {"conv2d relu 1x1", {{{2, 3, 1, 17}}, {{5, 1, 1, 17}}}, conv({.activation = Activation::relu})},
      {"conv2d relu depthwise",
       {{{1, 5, 4, 7}}, {{7, 3, 3, 1}}, {{7}}},
       conv({.padding = 1, .groups = 7, .activation = Activation::relu})},
      {"conv2d relu of no images", {{{0, 4, 4, 2}}, {{3, 3, 3, 2}}, {{3}}}, conv({.activation = Activation::relu})},
      {"conv2d gelu", {{{1, 5, 3, 2}}, {{3, 3, 3, 2}}, {{3}}}, conv({.activation = Activation::gelu})},
      {"conv1d", {{{2, 11, 3}}, {{5, 4, 3}}, {{5}}}, conv_1d({.stride = 2, .padding = 3, .dilation = 2})},
      {"conv1d groups", {{{1, 6, 4}}, {{4, 3, 2}}}, conv_1d({.groups = 2})},
      {"conv_transpose2d", {{{2, 3, 4, 5}}, {{5, 3, 3, 2}}, {{2}}}, transpose({.padding = 1})},
      {"conv_transpose2d stride 2",
       {{{1, 3, 2, 4}}, {{4, 3, 4, 3}}, {{3}}},
       transpose({.stride = 2, .padding = 1, .output_padding = {1, 0}})},
      {"conv_transpose2d groups", {{{1, 2, 3, 6}}, {{6, 2, 2, 3}}}, transpose({.stride = {2, 3}, .groups = 3})},
      {"conv_transpose2d dilation", {{{1, 4, 1, 2}}, {{2, 2, 3, 1}}}, transpose({.dilation = 2})},
  };
});

}  // namespace fovea::testing
