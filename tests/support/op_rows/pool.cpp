#include "support/op_rows.h"

namespace fovea::testing {

static const AddOpRows table([]() -> std::vector<OpCase> {
  auto max = [](Pool2dOptions options) { return [options](const Inputs& in) { return max_pool2d(in[0], options); }; };
  auto avg = [](Pool2dOptions options) { return [options](const Inputs& in) { return avg_pool2d(in[0], options); }; };
  auto adaptive = [](Size2 size) { return [size](const Inputs& in) { return adaptive_avg_pool2d(in[0], size); }; };
  auto size = [](Size2 to, ResizeOptions options) {
    return [to, options](const Inputs& in) { return resize(in[0], to, options); };
  };
  const ResizeOptions cubic{ResizeMode::bicubic}, cubic_corners{ResizeMode::bicubic, true},
      corners{ResizeMode::bilinear, true}, smooth{ResizeMode::bilinear, false, true},
      smooth_cubic{ResizeMode::bicubic, false, true};
  return {
      {"max_pool2d 3x3 stride 2", {{{2, 7, 6, 5}, Fill::spread}}, max({.kernel = 3, .stride = 2, .padding = 1})},
      {"max_pool2d ceil mode", {{{1, 6, 7, 17}, Fill::spread}}, max({.kernel = 2, .stride = 3, .ceil_mode = true})},
      {"max_pool2d 1x1", {{{1, 3, 1, 1}, Fill::spread}}, max({.kernel = 1})},
      {"max_pool2d of a window beyond a byte",
       {{{1, 18, 19, 2}, Fill::spread}},
       max({.kernel = {17, 18}, .stride = 1})},
      {"max_pool2d of nothing", {{{0, 4, 4, 3}, Fill::spread}}, max({.kernel = 2})},
      {"avg_pool2d", {{{2, 6, 5, 3}}}, avg({.kernel = 2})},
      {"avg_pool2d with gaps", {{{2, 7, 8, 3}}}, avg({.kernel = 2, .stride = 3})},
      {"avg_pool2d padding and ceil mode",
       {{{1, 5, 6, 7}}},
       avg({.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true})},
      {"avg_pool2d without padding's zeros",
       {{{1, 5, 6, 7}}},
       avg({.kernel = {3, 2}, .stride = {2, 1}, .padding = 1, .ceil_mode = true, .count_include_pad = false})},
      {"adaptive_avg_pool2d", {{{2, 5, 7, 3}}}, adaptive({3, 4})},
      {"adaptive_avg_pool2d to more", {{{1, 3, 2, 1}}}, adaptive({5, 7})},
      {"global_avg_pool", {{{3, 5, 3, 19}}}, [](const Inputs& in) { return global_avg_pool(in[0]); }},
      {"resize bilinear up", {{{2, 3, 4, 5}}}, size({7, 9}, {})},
      {"resize bilinear down", {{{1, 9, 7, 1}}}, size({4, 3}, {})},
      {"resize bilinear align_corners", {{{1, 5, 1, 3}}}, size({8, 4}, corners)},
      {"resize bicubic", {{{2, 3, 5, 2}}}, size({7, 4}, cubic)},
      {"resize bicubic align_corners", {{{1, 6, 2, 3}}}, size({1, 5}, cubic_corners)},
      {"resize bilinear antialias", {{{1, 11, 5, 3}}}, size({4, 7}, smooth)},
      {"resize bicubic antialias", {{{1, 11, 5, 3}}}, size({3, 2}, smooth_cubic)},
  };
});

}  // namespace fovea::testing
