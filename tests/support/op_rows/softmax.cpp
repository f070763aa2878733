#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  auto over = [](int dim, bool log) {
    return [dim, log](const Inputs& in) { return log ? log_softmax(in[0], dim) : softmax(in[0], dim); };
  };
  return {
      {"softmax", {{{5, 13}}}, over(-1, false)},
      {"softmax of single columns", {{{4, 1}}}, over(-1, false)},
      {"softmax over the first dimension", {{{5, 3, 2}}}, over(0, false)},
      {"softmax over the middle", {{{2, 7, 3}}}, over(1, false)},
      {"softmax of long rows", {{{2, 131}}}, over(1, false)},
      {"softmax of no rows", {{{0, 5}}}, over(1, false)},
      {"log_softmax", {{{5, 13}}}, over(-1, true)},
      {"log_softmax over the first dimension", {{{17, 2}}}, over(0, true)},
  };
});

}  // namespace fovea::testing
