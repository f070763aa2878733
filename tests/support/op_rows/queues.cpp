#include <fovea/losses/contrastive/dense_info_nce.h>
#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/losses/contrastive/instance.h>

#include "support/op_rows.h"

namespace fovea::testing {

std::vector<OpCase> queues_cases() {
  using In = const Inputs&;
  auto within = [](double temperature) {
    return [temperature](In in) { return losses::info_nce(in[0], in[1], temperature); };
  };
  auto softmax = [](In in) { return losses::instance_softmax(in[0], in[1], in[2], 0.3); };
  auto nce = [](In in) {
    losses::InstanceNce loss(50, 0.4);
    loss.to(in[0].device());
    loss(in[1], in[1], in[2]);  // fixes Z, whatever in[0] is
    return loss(in[0], in[1], in[2]);
  };
  auto dense = [](In in) { return losses::dense_info_nce(in[0], in[1], in[2], in[3], 0.3); };
  Input bank{{31, 7}, Fill::normal, 0, false};
  return {
      {"nearest_rows",
       {{{5, 7}, Fill::normal, 0, false}, {{67, 7}}},
       [](In in) { return gather_rows(in[1], nearest_rows(in[0], in[1])); }},
      {"info_nce within the batch", {{{5, 7}}, {{5, 7}}}, within(0.5)},
      // Nothing to be told apart from: a loss of zero, in rounding errors of the logits.
      {"info_nce within a batch of one", {{{1, 3}}, {{1, 3}}}, within(0.5), true, 1e-4, 0.5, 0.5},
      {"info_nce within a batch of more than a block", {{{67, 5}}, {{67, 5}}}, within(0.2)},
      {"instance_softmax", {{{5, 7}}, bank, {{5}, Fill::index, 31}}, softmax},
      {"instance nce", {{{5, 7}}, {{5, 7}, Fill::normal, 0, false}, bank}, nce},
      {"instance nce of one", {{{1, 3}}, {{1, 3}, Fill::normal, 0, false}, {{1, 3}, Fill::normal, 0, false}}, nce},
      {"dense_info_nce",
       {{{2, 3, 3, 5}}, {{2, 3, 3, 5}}, {{2, 9}, Fill::index, 9}, {{17, 5}, Fill::normal, 0, false}},
       dense},
  };
}

}  // namespace fovea::testing
