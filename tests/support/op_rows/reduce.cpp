#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  using In = const Inputs&;
  auto all = [](In in) { return sum(in[0]); };
  std::vector<OpCase> rows = {
      {"sum", {{{3, 5, 7}}}, all},
      {"sum of one", {{{}}}, all},
      {"sum of a long row", {{{4099}}}, all},
      {"sum of rows", {{{5, 301}}}, [](In in) { return sum(in[0], {-1}); }},
      {"sum of no columns", {{{3, 0}}}, [](In in) { return sum(in[0], {1}); }},
      {"sum of columns", {{{131, 67}}}, [](In in) { return sum(in[0], {0}); }},
      {"sum of narrow columns", {{{1031, 3}}}, [](In in) { return sum(in[0], {0}); }},
      {"sum of wide columns", {{{3, 521}}}, [](In in) { return sum(in[0], {0}); }},
      {"sum of the middle, kept", {{{3, 5, 7}}}, [](In in) { return sum(in[0], {1}, true); }},
      {"sum of the ends",
       {{{3, 5, 7, 2}}},
       [](In in) {
         return sum(in[0], {0, -1});
       }},
      {"sum over a dimension of one", {{{3, 1, 7}}}, [](In in) { return sum(in[0], {1}); }},
      {"sum around a dimension of one",
       {{{3, 1, 7, 2}}},
       [](In in) {
         return sum(in[0], {0, 2});
       }},
      {"mean", {{{3, 5, 7}}}, [](In in) { return mean(in[0]); }},
      {"mean of columns",
       {{{17, 3, 5}}},
       [](In in) {
         return mean(in[0], {0, 1});
       }},
      {"max", {{{3, 37}, Fill::spread}}, [](In in) { return max(in[0], {-1}); }},
      {"max of columns", {{{19, 5}, Fill::spread}}, [](In in) { return max(in[0], {0}); }},
      {"min", {{{3, 37}, Fill::spread}}, [](In in) { return min(in[0]); }},
      {"var", {{{5, 67}}}, [](In in) { return var(in[0], {1}); }},
      {"var of columns", {{{67, 5}}}, [](In in) { return var(in[0], {0}, 0); }},
      {"std", {{{5, 67}}}, [](In in) { return std(in[0], {1}); }},
      {"std of the ends, kept",
       {{{5, 7, 3}}},
       [](In in) {
         return std(in[0], {0, 2}, 0, true);
       }},
      {"logsumexp", {{{5, 67}}}, [](In in) { return logsumexp(in[0], {1}); }},
      {"logsumexp of columns", {{{9, 3}}}, [](In in) { return logsumexp(in[0], {0}, true); }},
      {"normalize", {{{5, 67}}}, [](In in) { return normalize(in[0]); }},
      {"normalize columns", {{{5, 3, 7}}}, [](In in) { return normalize(in[0], 1); }},
      {"normalize short rows", {{{5, 3}}}, [](In in) { return normalize(in[0], -1, 100.0); }},
      {"cosine_similarity", {{{5, 67}}, {{5, 67}}}, [](In in) { return cosine_similarity(in[0], in[1]); }},
      {"cosine_similarity of columns", {{{7, 3}}, {{7, 3}}}, [](In in) { return cosine_similarity(in[0], in[1], 0); }},
      {"cosine_similarity with one row", {{{4, 9}}, {{9}}}, [](In in) { return cosine_similarity(in[0], in[1]); }},
  };
  return rows;
});

}  // namespace fovea::testing
