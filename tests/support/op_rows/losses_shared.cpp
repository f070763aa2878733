#include <fovea/losses/shared/cross_view.h>

#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  auto across = [](int64_t views) {
    return [views](const Inputs& in) { return losses::cross_view(in[0], in[1], views); };
  };
  auto fixed = [](Shape shape, Fill fill = Fill::normal) { return Input{shape, fill, 0, false}; };
  return {
      {"cross_view", {{{10, 7}}, fixed({4, 7}, Fill::simplex)}, across(5)},
      {"cross_view of one image and one target", {{{3, 13}}, fixed({1, 13}, Fill::simplex)}, across(3)},
      {"cross_view, all views give targets", {{{9, 2}}, fixed({9, 2}, Fill::simplex)}, across(3)},
  };
});

}  // namespace fovea::testing
