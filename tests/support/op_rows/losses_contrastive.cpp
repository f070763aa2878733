#include <fovea/losses/contrastive/dense_info_nce.h>
#include <fovea/losses/contrastive/directclr.h>
#include <fovea/losses/contrastive/hypersphere.h>
#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/losses/contrastive/instance.h>
#include <fovea/losses/contrastive/supcon.h>

#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  using In = const Inputs&;
  auto within = [](double temperature) {
    return [temperature](In in) { return losses::info_nce(in[0], in[1], temperature); };
  };
  auto softmax = [](In in) { return losses::instance_softmax(in[0], in[1], in[2], 0.3); };
  auto nce = [](In in) {
    losses::InstanceNce loss({.images = 50, .temperature = 0.4});
    loss.to(in[0].device());
    loss(in[1], in[1], in[2]);  // fixes Z, whatever in[0] is
    return loss(in[0], in[1], in[2]);
  };
  auto dense = [](In in) { return losses::dense_info_nce(in[0], in[1], in[2], in[3], 0.3); };
  Input bank{{31, 7}, Fill::normal, 0, false};
  using losses::SupConMean;
  auto supervised = [](double temperature, SupConMean mean) {
    return [temperature, mean](const Inputs& in) { return losses::supcon(in[0], in[1], temperature, mean); };
  };
  auto direct = [](int64_t channels, double temperature) {
    return [channels, temperature](const Inputs& in) {
      return losses::directclr(in[0], in[1], {.channels = channels, .temperature = temperature});
    };
  };
  auto aligned = [](double alpha) {
    return [alpha](const Inputs& in) { return losses::alignment(in[0], in[1], alpha); };
  };
  auto uniform = [](double t) { return [t](const Inputs& in) { return losses::uniformity(in[0], t); }; };
  return {
      {"info_nce within the batch", {{{5, 7}}, {{5, 7}}}, within(0.5)},
      // Nothing to be told apart from: a loss of zero, in rounding errors of the logits.
      {"info_nce within a batch of one", {{{1, 3}}, {{1, 3}}}, within(0.5), true, 1e-6, 1e-5, 0.02, 0.1},
      {"info_nce within a batch of more than a block", {{{67, 5}}, {{67, 5}}}, within(0.2)},
      {"instance_softmax", {{{5, 7}}, bank, {{5}, Fill::index, 31}}, softmax},
      {"instance nce", {{{5, 7}}, {{5, 7}, Fill::normal, 0, false}, bank}, nce},
      {"instance nce of one", {{{1, 3}}, {{1, 3}, Fill::normal, 0, false}, {{1, 3}, Fill::normal, 0, false}}, nce},
      {"dense_info_nce",
       {{{2, 3, 3, 5}}, {{2, 3, 3, 5}}, {{2, 9}, Fill::index, 9}, {{17, 5}, Fill::normal, 0, false}},
       dense},
      {"supcon", {{{14, 5}}, {{7}, Fill::index, 3}}, supervised(0.5, SupConMean::outside)},
      {"supcon inside", {{{14, 5}}, {{7}, Fill::index, 3}}, supervised(0.5, SupConMean::inside)},
      {"supcon of three views", {{{33, 3}}, {{11}, Fill::index, 9}}, supervised(0.2, SupConMean::outside)},
      {"supcon of one view, many alone", {{{13, 7}}, {{13}, Fill::index, 30}}, supervised(1, SupConMean::inside)},
      {"supcon of one row", {{{1, 3}}, {{1}, Fill::index, 2}}, supervised(0.1, SupConMean::outside)},
      {"directclr", {{{5, 7}}, {{5, 7}}}, direct(3, 0.5)},
      // Cosines of single numbers are their signs: the gradient is zero.
      {"directclr of one channel", {{{2, 3}}, {{2, 3}}}, direct(1, 1), true, 1e-6, 1e-5, 0.02, 0.1},
      {"directclr of all channels", {{{67, 5}}, {{67, 5}}}, direct(5, 0.2)},
      {"alignment", {{{5, 7}}, {{5, 7}}}, aligned(2)},
      {"alignment by lengths", {{{17, 3}}, {{17, 3}}}, aligned(1)},
      {"uniformity", {{{7, 5}}}, uniform(2)},
      {"uniformity of two rows", {{{2, 3}}}, uniform(1)},
      {"uniformity of many rows", {{{67, 2}}}, uniform(2)},
      {"hypersphere",
       {{{5, 7}}, {{5, 7}}},
       [](const Inputs& in) {
         return losses::hypersphere(in[0], in[1], {.alpha = 3, .align_weight = 0.7, .uniform_weight = 1.3});
       }},
  };
});

}  // namespace fovea::testing
