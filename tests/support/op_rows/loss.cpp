#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
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
  auto distil = [](DistillationOptions options) {
    return [options](const Inputs& in) {
      Tensor centre = in[0].dtype() == Dtype::bf16 ? in[2].to(Dtype::f32) : in[2];
      return distillation_cross_entropy(in[0], in[1], centre, options);
    };
  };
  Input target{{7, 19}, Fill::normal, 0, false};
  return {
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
      {"distillation_cross_entropy across views",
       {{{8, 19}}, {{4, 19}, Fill::normal, 0, false}, {{19}, Fill::normal, 0, false}},
       distil({.student_temperature = 0.5, .teacher_temperature = 0.3, .views = 4})},
      {"distillation_cross_entropy across views none",
       {{{12, 64}}, {{4, 64}, Fill::normal, 0, false}, {{64}, Fill::normal, 0, false}},
       distil({.teacher_temperature = 0.7, .reduction = Reduction::none, .views = 6})},
      {"distillation_cross_entropy of a single teacher's view",
       {{{3, 40}}, {{1, 40}, Fill::normal, 0, false}, {{40}, Fill::normal, 0, false}},
       distil({.student_temperature = 0.5, .teacher_temperature = 0.3, .views = 3})},
      {"distillation_cross_entropy of long rows",
       {{{4, 2504}}, {{4, 2504}, Fill::normal, 0, false}, {{2504}, Fill::normal, 0, false}},
       distil({.student_temperature = 0.5, .teacher_temperature = 0.3, .views = 2}),
       false},
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
  };
});

}  // namespace fovea::testing
