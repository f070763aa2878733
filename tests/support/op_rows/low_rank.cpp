#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  auto lora = [](const Inputs& in) { return low_rank_merge(in[0], in[1], in[2], 0.5); };
  // DoRA's norm is a constant to its backward pass: what numeric differences can see is the magnitude's gradient.
  auto dora = [](const Inputs& in) { return low_rank_merge(in[0], in[1], in[2], 0.5, in[3]); };
  auto fixed = [](const Shape& shape) { return Input{shape, Fill::normal, 0, false}; };
  return {
      {"low_rank_merge", {{{5, 37}}, {{3, 37}}, {{5, 3}}}, lora},
      {"low_rank_merge of one row", {{{1, 130}}, {{4, 130}}, {{1, 4}}}, lora},
      {"low_rank_merge of one column", {{{67, 1}}, {{1, 1}}, {{67, 1}}}, lora},
      {"low_rank_merge of rank 17", {{{19, 24}}, {{17, 24}}, {{19, 17}}}, lora},
      {"low_rank_merge of nothing", {{{0, 8}}, {{2, 8}}, {{0, 2}}}, lora},
      {"low_rank_merge magnitude", {fixed({5, 37}), fixed({3, 37}), fixed({5, 3}), {{5}, Fill::positive}}, dora},
      {"low_rank_merge magnitude of many rows",
       {fixed({70, 16}), fixed({2, 16}), fixed({70, 2}), {{70}, Fill::positive}},
       dora},
  };
});

}  // namespace fovea::testing
