#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  auto heads = [](AttentionOptions options = {}) {
    return [options](const Inputs& in) {
      AttentionOptions all = options;
      if (in.size() > 1) all.key_mask = in[1];
      return attention(in[0], all);
    };
  };
  auto dropped = [heads](AttentionOptions options) {
    return [=](const Inputs& in) {
      Generator generator(5, 11);
      AttentionOptions all = options;
      all.generator = &generator;
      return heads(all)(in);
    };
  };
  return {
      {"attention", {{{2, 5, 3, 2, 4}}}, heads()},
      {"attention of one token", {{{2, 1, 3, 1, 3}}}, heads()},
      {"attention one past a strip", {{{1, 49, 3, 1, 2}}}, heads()},
      {"attention of uneven width", {{{1, 7, 3, 3, 17}}}, heads({.scale = 0.3})},
      {"attention causal", {{{2, 11, 3, 2, 3}}}, heads({.causal = true})},
      {"attention causal over two strips", {{{1, 53, 3, 1, 2}}}, heads({.causal = true})},
      {"attention with masked keys", {{{3, 9, 3, 2, 4}}, {{3, 9}, Fill::mask}}, heads()},
      {"attention causal with masked keys", {{{3, 9, 3, 2, 4}}, {{3, 9}, Fill::mask}}, heads({.causal = true})},
      {"attention with dropout", {{{2, 7, 3, 2, 4}}}, dropped({.dropout = 0.3})},
      {"attention causal with dropout", {{{1, 53, 3, 2, 3}}}, dropped({.causal = true, .dropout = 0.5})},
      {"attention of an empty batch", {{{0, 4, 3, 2, 4}}}, heads()},
  };
});

}  // namespace fovea::testing
