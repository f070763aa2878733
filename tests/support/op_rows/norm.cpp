#include "support/op_rows.h"

namespace fovea::testing {

static Tensor as_statistics(const Tensor& t, const Tensor& x) {
  return t.to(x.dtype() == Dtype::f64 ? Dtype::f64 : Dtype::f32);
}

static const AddOpRows table([]() -> std::vector<OpCase> {
  auto train = [](bool relu) {
    return [relu](const Inputs& in) {
      return batch_norm(in[0], in.size() > 1 ? in[1] : Tensor(), in.size() > 1 ? in[2] : Tensor(), {}, {},
                        {.relu = relu}, in.size() > 3 ? in[3] : Tensor());
    };
  };
  auto evaluate = [](bool relu) {
    return [relu](const Inputs& in) {
      return batch_norm(in[0], in[1], in[2], as_statistics(in[3], in[0]), as_statistics(in[4], in[0]),
                        {.training = false, .relu = relu}, in.size() > 5 ? in[5] : Tensor());
    };
  };
  auto layer = [](const Inputs& in) {
    return layer_norm(in[0], in.size() > 1 ? in[1] : Tensor(), in.size() > 2 ? in[2] : Tensor());
  };
  auto group = [](int64_t groups) {
    return [groups](const Inputs& in) {
      return group_norm(in[0], groups, in.size() > 1 ? in[1] : Tensor(), in.size() > 2 ? in[2] : Tensor());
    };
  };
  const Input running_mean{{5}, Fill::normal, 0, false}, running_var{{5}, Fill::positive, 0, false};
  return {
      {"batch_norm", {{{2, 3, 4, 5}}, {{5}}, {{5}}}, train(false)},
      // Two rows are +-1 whatever they were: their gradient is what eps leaves of a difference that cancels.
      {"batch_norm of two rows", {{{2, 17}}, {{17}}, {{17}}}, train(false), true, 1e-6, 3e-5},
      {"batch_norm of one channel", {{{7, 3, 1}}, {{1}}, {{1}}}, train(false)},
      {"batch_norm without weight", {{{37, 3}}}, train(false)},
      {"batch_norm relu", {{{3, 3, 4, 5}}, {{5}}, {{5}}}, train(true)},
      {"batch_norm residual", {{{3, 11, 19}}, {{19}}, {{19}}, {{3, 11, 19}}}, train(false)},
      {"batch_norm residual relu", {{{3, 11, 19}}, {{19}}, {{19}}, {{3, 11, 19}}}, train(true)},
      {"batch_norm eval", {{{2, 3, 5}}, {{5}}, {{5}}, running_mean, running_var}, evaluate(false)},
      {"batch_norm eval relu", {{{2, 3, 5}}, {{5}}, {{5}}, running_mean, running_var}, evaluate(true)},
      {"batch_norm eval residual relu",
       {{{2, 3, 5}}, {{5}}, {{5}}, running_mean, running_var, {{2, 3, 5}}},
       evaluate(true)},
      {"layer_norm", {{{3, 5, 17}}, {{17}}, {{17}}}, layer},
      {"layer_norm of many rows", {{{300, 3}}, {{3}}, {{3}}}, layer},
      {"layer_norm without weight", {{{2, 65}}}, layer},
      {"layer_norm of one vector", {{{7}}, {{7}}}, layer},
      {"layer_norm of one column", {{{4, 1}}, {{1}}, {{1}}}, layer},
      {"layer_norm of nothing", {{{0, 5}}, {{5}}, {{5}}}, layer},
      {"group_norm", {{{2, 3, 4, 6}}, {{6}}, {{6}}}, group(3)},
      {"group_norm of one group", {{{3, 5, 7}}, {{7}}, {{7}}}, group(1)},
      {"group_norm of single channels", {{{2, 37, 3}}}, group(3)},
      {"group_norm without positions", {{{3, 10}}, {{10}}}, group(2)},
      {"group_norm of nothing", {{{0, 5, 4}}, {{4}}, {{4}}}, group(2)},
      {"batch_norm eval of nothing", {{{0, 3, 5}}, {{5}}, {{5}}, running_mean, running_var}, evaluate(false)},
  };
});

}  // namespace fovea::testing
