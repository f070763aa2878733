#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  using In = const Inputs&;
  return {
      {"nearest_rows",
       {{{5, 7}, Fill::normal, 0, false}, {{67, 7}}},
       [](In in) { return gather_rows(in[1], nearest_rows(in[0], in[1])); }},
  };
});

}  // namespace fovea::testing
