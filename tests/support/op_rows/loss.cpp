#include "support/op_rows.h"

namespace fovea::testing {

std::vector<OpCase> loss_cases() {
  auto over = [](int dim, bool log) {
    return [dim, log](const Inputs& in) { return log ? log_softmax(in[0], dim) : softmax(in[0], dim); };
  };
  auto hard = [](CrossEntropyOptions options = {}) {
    return [options](const Inputs& in) { return cross_entropy(in[0], in[1], options); };
  };
  auto soft = [](Reduction reduction) {
    return [reduction](const Inputs& in) { return soft_cross_entropy(in[0], in[1], reduction); };
  };
  using Loss = Tensor (*)(const Tensor&, const Tensor&, Reduction);
  auto pair = [](Loss loss, Reduction reduction) {
    return [loss, reduction](const Inputs& in) { return loss(in[0], in[1], reduction); };
  };
  auto smooth = [](double beta, Reduction reduction) {
    return [beta, reduction](const Inputs& in) { return smooth_l1_loss(in[0], in[1], beta, reduction); };
  };
  auto contrast = [](double temperature) {
    return [temperature](const Inputs& in) { return nt_xent(in[0], in[1], temperature); };
  };
  auto distil = [](DistillationOptions options) {
    return [options](const Inputs& in) {
      Tensor centre = in[0].dtype() == Dtype::bf16 ? in[2].to(Dtype::f32) : in[2];
      return distillation_cross_entropy(in[0], in[1], centre, options);
    };
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
  Input target{{7, 19}, Fill::normal, 0, false};
  return {
      {"softmax", {{{5, 13}}}, over(-1, false)},
      {"softmax of single columns", {{{4, 1}}}, over(-1, false)},
      {"softmax over the first dimension", {{{5, 3, 2}}}, over(0, false)},
      {"softmax over the middle", {{{2, 7, 3}}}, over(1, false)},
      {"softmax of long rows", {{{2, 131}}}, over(1, false)},
      {"softmax of no rows", {{{0, 5}}}, over(1, false)},
      {"log_softmax", {{{5, 13}}}, over(-1, true)},
      {"log_softmax over the first dimension", {{{17, 2}}}, over(0, true)},
      {"cross_entropy", {{{7, 19}}, {{7}, Fill::index, 19}}, hard()},
      {"cross_entropy of one class", {{{3, 1}}, {{3}, Fill::index, 1}}, hard()},
      {"cross_entropy none", {{{7, 19}}, {{7}, Fill::index, 19}}, hard({.reduction = Reduction::none})},
      {"cross_entropy sum", {{{7, 19}}, {{7}, Fill::index, 19}}, hard({.reduction = Reduction::sum})},
      {"cross_entropy smoothing", {{{7, 10}}, {{7}, Fill::index, 10}}, hard({.label_smoothing = 0.1})},
      {"cross_entropy ignoring a label",
       {{{9, 3}}, {{9}, Fill::index, 3}},
       hard({.label_smoothing = 0.2, .ignore_index = 1})},
      {"soft_cross_entropy", {{{7, 19}}, {{7, 19}, Fill::simplex, 0, false}}, soft(Reduction::mean)},
      {"soft_cross_entropy none", {{{3, 33}}, {{3, 33}, Fill::positive, 0, false}}, soft(Reduction::none)},
      {"soft_cross_entropy of long rows",
       {{{3, 2500}}, {{3, 2500}, Fill::simplex, 0, false}},
       soft(Reduction::mean),
       false},
      {"cross_entropy of long rows", {{{3, 2501}}, {{3}, Fill::index, 2501}}, hard({.label_smoothing = 0.1}), false},
      {"distillation_cross_entropy",
       {{{7, 19}}, {{7, 19}, Fill::normal, 0, false}, {{19}, Fill::normal, 0, false}},
       distil({0.5, 0.3})},
      {"distillation_cross_entropy none",
       {{{5, 64}}, {{5, 64}, Fill::normal, 0, false}, {{64}, Fill::normal, 0, false}},
       distil({1, 0.7, Reduction::none})},
      {"distillation_cross_entropy without centre",
       {{{1, 3}}, {{1, 3}, Fill::normal, 0, false}},
       [](const Inputs& in) { return distillation_cross_entropy(in[0], in[1]); }},
      // Powers of two divide without rounding: the gradient is 1 - 1.
      {"distillation_cross_entropy of one class",
       {{{2, 1}}, {{2, 1}, Fill::normal, 0, false}},
       [](const Inputs& in) {
         return distillation_cross_entropy(in[0], in[1], {}, {.student_temperature = 0.5, .teacher_temperature = 0.25});
       }},
      {"bce_with_logits", {{{7, 19}}, {{7, 19}, Fill::unit}}, pair(bce_with_logits, Reduction::mean)},
      {"bce_with_logits none", {{{11}}, {{11}, Fill::unit}}, pair(bce_with_logits, Reduction::none)},
      {"mse_loss", {{{7, 19}}, {{7, 19}}}, pair(mse_loss, Reduction::mean)},
      {"mse_loss sum, fixed target", {{{7, 19}}, target}, pair(mse_loss, Reduction::sum)},
      {"mse_loss of many elements",
       {{{3, 1367}}, {{3, 1367}, Fill::normal, 0, false}},
       pair(mse_loss, Reduction::mean)},
      {"l1_loss",
       {{{7, 19}, Fill::spread}, {{7, 19}, Fill::mask}},
       [](const Inputs& in) { return l1_loss(in[0], in[1].to(in[0].dtype()) + 0.513); }},
      {"smooth_l1_loss", {{{7, 19}}, {{7, 19}}}, smooth(1, Reduction::mean)},
      {"smooth_l1_loss beta 0.3 none", {{{4, 5}}, {{4, 5}}}, smooth(0.3, Reduction::none)},
      {"nt_xent", {{{5, 7}}, {{5, 7}}}, contrast(0.5)},
      // One pair has nothing to be told apart from: a loss of zero, in rounding errors of the logits.
      {"nt_xent of one pair", {{{1, 3}}, {{1, 3}}}, contrast(0.5), true, 1e-4, 0.5, 0.5},
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
      {"clip_loss of one pair", {{{1, 3}}, {{1, 3}}, {{}}}, paired, true, 1e-4, 0.5, 0.5},  // zero, as nt_xent's
      {"clip_loss of more than a block", {{{67, 5}}, {{67, 5}}, {{}, Fill::positive}}, paired},
      {"siglip_loss", {{{5, 7}}, {{5, 7}}, {{}}, {{}}}, sigmoid_paired},
      {"siglip_loss of more than a block", {{{67, 5}}, {{67, 5}}, {{}, Fill::positive}, {{}}}, sigmoid_paired},
  };
}

}  // namespace fovea::testing
