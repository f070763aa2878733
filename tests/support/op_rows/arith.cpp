#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  using In = const Inputs&;
  auto add = [](In in) { return in[0] + in[1]; };
  auto sub = [](In in) { return in[0] - in[1]; };
  auto mul = [](In in) { return in[0] * in[1]; };
  auto div = [](In in) { return in[0] / in[1]; };
  auto max = [](In in) { return maximum(in[0], in[1]); };
  auto min = [](In in) { return minimum(in[0], in[1]); };
  Input divisor{{3, 17}, Fill::positive};
  return {
      {"add", {{{3, 17}}, {{3, 17}}}, add},
      {"add a row", {{{5, 7, 13}}, {{13}}}, add},
      {"add to a column", {{{19, 1}}, {{19, 5}}}, add},
      {"add one element", {{{1}}, {{2, 3, 5}}}, add},
      {"add scalars", {{{}}, {{}}}, add},
      {"add of nothing", {{{0, 3}}, {{1, 3}}}, add},
      {"sub", {{{65}}, {{65}}}, sub},
      {"sub crosswise", {{{7, 1, 3}}, {{5, 1}}}, sub},
      {"mul", {{{33, 3}}, {{33, 3}}}, mul},
      {"mul in the middle", {{{2, 5, 3, 7}}, {{5, 1, 7}}}, mul},
      {"mul by a constant row", {{{9, 11}}, {{11}, Fill::normal, 0, false}}, mul},
      {"mul of a constant", {{{9, 11}, Fill::normal, 0, false}, {{11}}}, mul},
      {"mul of six dimensions", {{{2, 1, 3, 1, 2, 1}}, {{1, 3, 1, 2, 1, 5}}}, mul},
      {"square by itself", {{{29}}}, [](In in) { return in[0] * in[0]; }},
      {"div", {{{3, 17}}, divisor}, div},
      {"div by a column", {{{3, 17}}, {{3, 1}, Fill::positive}}, div},
      {"div of a row", {{{17}}, divisor}, div},
      {"div of a constant", {{{17}, Fill::normal, 0, false}, divisor}, div},
      {"maximum", {{{67}, Fill::spread}, {{1}, Fill::positive}}, max},
      {"minimum", {{{4, 1}, Fill::positive}, {{1, 9}, Fill::spread}}, min},
      {"add a number", {{{31}}}, [](In in) { return in[0] + 2.5; }},
      {"sub from a number", {{{31}}}, [](In in) { return 3.0 - (in[0] - 1.5); }},
      {"mul by a number", {{{31}}}, [](In in) { return -(in[0] * 3.0); }},
      {"div by a number", {{{31}}}, [](In in) { return in[0] / 3.0; }},
      {"div of a number", {{{31}, Fill::positive}}, [](In in) { return 3.0 / in[0]; }},
      {"exp", {{{2, 37}}}, [](In in) { return exp(in[0]); }},
      {"log", {{{2, 37}, Fill::positive}}, [](In in) { return log(in[0]); }},
      {"sqrt", {{{2, 37}, Fill::positive}}, [](In in) { return sqrt(in[0]); }},
      {"square", {{{2, 37}}}, [](In in) { return square(in[0]); }},
      {"pow 2", {{{19}}}, [](In in) { return pow(in[0], 2); }},
      {"pow 3", {{{19}}}, [](In in) { return pow(in[0], 3); }},
      {"pow -1.5", {{{19}, Fill::positive}}, [](In in) { return pow(in[0], -1.5); }},
      {"abs", {{{7, 11}, Fill::away}}, [](In in) { return abs(in[0]); }},
      {"clamp", {{{79}, Fill::spread}}, [](In in) { return clamp(in[0], -0.512, 1.013); }},
      {"where", {{{5, 1}, Fill::mask}, {{5, 7}}, {{7}}}, [](In in) { return where(in[0], in[1], in[2]); }},
  };
});

}  // namespace fovea::testing
