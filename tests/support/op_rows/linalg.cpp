#include <fovea/core/ops/linalg.h>
#include <fovea/losses/decorrelation/mmcr.h>
#include <fovea/losses/decorrelation/w_mse.h>

#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  auto whitens = [](double eps) { return [eps](const Inputs& in) { return whiten(in[0], eps); }; };
  auto norm = [](const Inputs& in) { return nuclear_norm(in[0]); };
  auto w_mse = [](losses::WMseOptions options) {
    return [options](const Inputs& in) {
      Generator generator(11);
      return losses::w_mse(in[0], options, generator);
    };
  };
  auto mmcr = [](losses::MmcrOptions options) {
    return [options](const Inputs& in) { return losses::mmcr(in[0], options, in.size() > 1 ? in[1] : Tensor()); };
  };
  return {
      {"whiten", {{{3, 11, 4}}}, whitens(0)},
      {"whiten one group", {{{23, 7}}}, whitens(0)},
      {"whiten one column", {{{2, 1, 5, 1}}}, whitens(0)},
      {"whiten past a warp", {{{1, 90, 33}}}, whitens(0)},
      {"whiten shrunk", {{{2, 5, 6}}}, whitens(0.1)},
      {"whiten no group", {{{0, 5, 3}}}, whitens(0)},
      {"nuclear_norm tall", {{{9, 4}}}, norm},
      {"nuclear_norm wide", {{{3, 13}}}, norm},
      {"nuclear_norm of one", {{{1, 1}}}, norm},
      {"nuclear_norm batch", {{{2, 3, 2, 5}}}, norm},
      {"nuclear_norm past a tile", {{{33, 65}}}, norm},
      {"nuclear_norm of none", {{{0, 5, 3}}}, norm},
      {"w_mse", {{{32, 3}}}, w_mse({.group = 8})},
      {"w_mse of four views", {{{48, 2}}}, w_mse({.views = 4, .group = 6, .iterations = 2})},
      {"w_mse not normalised", {{{28, 5}}}, w_mse({.group = 14, .eps = 0.05, .normalize = false})},
      {"mmcr", {{{14, 5}}}, mmcr({})},
      {"mmcr of three views", {{{15, 8}}}, mmcr({.views = 3, .lambda = 0.3})},
      {"mmcr momentum", {{{8, 3}}, {{8, 3}, Fill::normal, 0, false}}, mmcr({.lambda = 0.1})},
  };
});

}  // namespace fovea::testing
