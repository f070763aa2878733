#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  using In = const Inputs&;
  Input index{{11}, Fill::index, 5};
  return {
      {"reshape",
       {{{3, 4, 5}}},
       [](In in) {
         return reshape(in[0], {5, -1});
       }},
      {"flatten", {{{3, 4, 5, 2}}}, [](In in) { return flatten(in[0], 1, 2); }},
      {"squeeze and unsqueeze", {{{3, 1, 5}}}, [](In in) { return unsqueeze(squeeze(in[0], 1), -1); }},
      {"transpose", {{{37, 19}}}, [](In in) { return transpose(in[0], 0, 1); }},
      {"transpose in batches", {{{3, 17, 9}}}, [](In in) { return transpose(in[0], -1, -2); }},
      {"permute",
       {{{2, 3, 5, 7}}},
       [](In in) {
         return permute(in[0], {3, 1, 0, 2});
       }},
      {"permute images",
       {{{2, 5, 9, 11}}},
       [](In in) {
         return permute(in[0], {0, 3, 1, 2});
       }},
      {"permute of ones",
       {{{1, 3, 1}}},
       [](In in) {
         return permute(in[0], {2, 1, 0});
       }},
      {"concat",
       {{{3, 2, 5}}, {{3, 1, 5}}, {{3, 4, 5}}},
       [](In in) {
         return concat({in[0], in[1], in[2]}, 1);
       }},
      {"concat rows",
       {{{3, 2}}, {{0, 2}}, {{1, 2}}},
       [](In in) {
         return concat({in[0], in[1], in[2]});
       }},
      {"concat with itself",
       {{{3, 2}}},
       [](In in) {
         return concat({in[0], in[0]}, -1);
       }},
      {"stack",
       {{{3, 5}}, {{3, 5}}},
       [](In in) {
         return stack({in[0], in[1]}, -1);
       }},
      {"slice", {{{3, 11, 2}}}, [](In in) { return slice(in[0], 1, 1, -1, 3); }},
      {"slice rows", {{{7, 3}}}, [](In in) { return slice(in[0], 0, -4, 100); }},
      {"slice of nothing", {{{7, 3}}}, [](In in) { return slice(in[0], 1, 2, 2); }},
      {"chunk", {{{2, 7}}}, [](In in) { return chunk(in[0], 3, 1)[1]; }},
      {"flip",
       {{{3, 5, 7}}},
       [](In in) {
         return flip(in[0], {0, -1});
       }},
      {"pad",
       {{{3, 5}}},
       [](In in) {
         return pad(in[0], {{1, 0}, {2, 3}}, PadMode::constant, 1.5);
       }},
      {"pad reflect",
       {{{2, 5, 4}}},
       [](In in) {
         return pad(in[0], {{0, 0}, {2, 4}, {3, 1}}, PadMode::reflect);
       }},
      {"pad replicate",
       {{{5, 1}}},
       [](In in) {
         return pad(in[0], {{2, 0}, {1, 3}}, PadMode::replicate);
       }},
      {"repeat",
       {{{3, 5}}},
       [](In in) {
         return repeat(in[0], {2, 1, 4});
       }},
      {"expand",
       {{{3, 1, 5}}},
       [](In in) {
         return expand(in[0], {2, 3, 4, 5});
       }},
      {"expand one",
       {{{1}}},
       [](In in) {
         return expand(in[0], {3, 7});
       }},
      {"gather_rows", {{{5, 3, 2}}, index}, [](In in) { return gather_rows(in[0], in[1]); }},
      {"gather no rows", {{{5, 3}}, {{0}, Fill::index, 5}}, [](In in) { return gather_rows(in[0], in[1]); }},
      {"scatter_rows", {{{11, 3}}, index}, [](In in) { return scatter_rows(in[0], in[1], 6); }},
      {"index_copy",
       {{{5, 3}, Fill::normal, 0, false}, index, {{11, 3}, Fill::normal, 0, false}, {{5, 3}}},
       [](In in) { return index_copy(in[0], in[1], in[2]) * in[3]; }},
      {"gather_tokens", {{{3, 5, 7}}, {{3, 4}, Fill::index, 5}}, [](In in) { return gather_tokens(in[0], in[1]); }},
      {"pick", {{{11, 5}}, index}, [](In in) { return pick(in[0], in[1]); }},
      {"embedding", {{{5, 7}}, {{2, 9}, Fill::index, 5}}, [](In in) { return embedding(in[0], in[1]); }},
  };
});

}  // namespace fovea::testing
