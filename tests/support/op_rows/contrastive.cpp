#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  auto contrast = [](double temperature) {
    return [temperature](const Inputs& in) { return nt_xent(in[0], in[1], temperature); };
  };
  auto scalar = [](const Tensor& t) { return t.dtype() == Dtype::bf16 ? t.to(Dtype::f32) : t; };
  auto decoupled = [](double temperature) {
    return [temperature](const Inputs& in) { return dcl(in[0], in[1], temperature); };
  };
  auto weighted = [scalar](const Inputs& in) { return dcl(in[0], in[1], 0.3, scalar(in[2])); };
  auto queued = [](double temperature) {
    return [temperature](const Inputs& in) { return info_nce(in[0], in[1], in[2], temperature); };
  };
  auto paired = [scalar](const Inputs& in) { return clip_loss(in[0], in[1], scalar(in[2])); };
  auto sigmoid_paired = [scalar](const Inputs& in) { return siglip_loss(in[0], in[1], scalar(in[2]), scalar(in[3])); };
  return {
      {"nt_xent", {{{5, 7}}, {{5, 7}}}, contrast(0.5)},
      // One pair has nothing to be told apart from: a loss of zero, in rounding errors of the logits.
      {"nt_xent of one pair", {{{1, 3}}, {{1, 3}}}, contrast(0.5), true, 1e-6, 1e-5, 0.02, 0.1},
      {"nt_xent of more than a block", {{{37, 5}}, {{37, 5}}}, contrast(0.5)},
      {"nt_xent of many blocks", {{{83, 2}}, {{83, 2}}}, contrast(0.2)},
      {"nt_xent at a small temperature", {{{4, 17}}, {{4, 17}}}, contrast(0.07)},
      {"nt_xent at a tiny temperature", {{{35, 3}}, {{35, 3}}}, contrast(0.02)},
      {"dcl", {{{5, 7}}, {{5, 7}}}, decoupled(0.5)},
      {"dcl of two pairs", {{{2, 3}}, {{2, 3}}}, decoupled(0.5)},
      {"dcl of more than a block", {{{83, 5}}, {{83, 5}}}, decoupled(0.2)},
      {"dcl with weights", {{{17, 4}}, {{17, 4}}, {{17}, Fill::positive, 0, false}}, weighted},
      {"dcl of many blocks", {{{131, 2}}, {{131, 2}}}, decoupled(0.3)},
      {"info_nce of wide rows", {{{2, 131}}, {{2, 131}}, {{5, 131}, Fill::normal, 0, false}}, queued(0.2)},
      {"clip_loss of wide rows", {{{3, 130}}, {{3, 130}}, {{}}}, paired},
      {"siglip_loss of wide rows", {{{3, 130}}, {{3, 130}}, {{}}, {{}}}, sigmoid_paired},
      {"info_nce", {{{5, 7}}, {{5, 7}}, {{11, 7}, Fill::normal, 0, false}}, queued(0.5)},
      {"info_nce of one query", {{{1, 3}}, {{1, 3}}, {{1, 3}, Fill::normal, 0, false}}, queued(0.5)},
      {"info_nce against a long queue", {{{3, 9}}, {{3, 9}}, {{301, 9}, Fill::normal, 0, false}}, queued(0.2)},
      {"clip_loss", {{{5, 7}}, {{5, 7}}, {{}}}, paired},
      {"clip_loss of one pair", {{{1, 3}}, {{1, 3}}, {{}}}, paired, true, 1e-6, 1e-5, 0.02, 0.1},  // zero, as nt_xent's
      {"clip_loss of more than a block", {{{67, 5}}, {{67, 5}}, {{}, Fill::positive}}, paired},
      {"siglip_loss", {{{5, 7}}, {{5, 7}}, {{}}, {{}}}, sigmoid_paired},
      {"siglip_loss of more than a block", {{{67, 5}}, {{67, 5}}, {{}, Fill::positive}, {{}}}, sigmoid_paired},
  };
});

}  // namespace fovea::testing
