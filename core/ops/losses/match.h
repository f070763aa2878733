#pragma once

#include <fovea/core/tensor.h>

// Which places of two feature maps belong together. No gradient flows through any of this: gather_tokens() takes the
// matched features, with theirs.
namespace fovea {

// Places of two maps, pair by pair: i64 [N, M] each.
struct Matches {
  Tensor a, b;
};
// For each image of the maps a [N, P, D] and b [N, Q, D] the nearest place of b to every place of a, by the distance of
// their D numbers (features or coordinates), and of these P pairs the `count` nearest, in the order of a's places.
// count in [1, P]. Of equally near places the lower one. Any floating dtype.
Matches match_nearest(const Tensor& a, const Tensor& b, int64_t count);

// Where the middles of height x width cells of N views lie in their images: [N, height * width, 2], x and y, row by
// row. affine [N, 2, 3] f32 takes (u, v, 1) to (x, y), u and v from 0 to 1 over the view: data::Batch::places.
Tensor cell_centres(const Tensor& affine, int64_t height, int64_t width);

}  // namespace fovea
