#pragma once

// Private to kernels/index*: what copies do to a box before they copy it.
#include <fovea/kernels/index.h>

namespace fovea::kernels {

// Without dimensions of one element, with neighbours that are one run in both arrays merged.
inline StridedBox merged(const StridedBox& box) {
  StridedBox out;
  for (int d = 0; d < box.rank; ++d) {
    if (box.size[d] == 1) continue;
    const int last = out.rank - 1;
    if (last >= 0 && out.from[last] == box.from[d] * box.size[d] && out.to[last] == box.to[d] * box.size[d]) {
      out.size[last] *= box.size[d], out.from[last] = box.from[d], out.to[last] = box.to[d];
    } else {
      out.push_back(box.size[d], box.from[d], box.to[d]);
    }
  }
  return out;
}

// The box with dimension d moved to place `last` - 1, next to the innermost.
inline StridedBox with_second_innermost(const StridedBox& box, int d) {
  const int last = box.rank - 1;
  StridedBox out;
  for (int e = 0; e < last; ++e)
    if (e != d) out.push_back(box.size[e], box.from[e], box.to[e]);
  out.push_back(box.size[d], box.from[d], box.to[d]);
  out.push_back(box.size[last], box.from[last], box.to[last]);
  return out;
}

// Whether the box is a transpose: the target runs along its innermost dimension and the source along another, both of 8
// elements at least. That one is then brought next to the innermost.
inline bool bring_transpose_together(StridedBox& box) {
  const int last = box.rank - 1;
  if (box.to[last] != 1 || box.from[last] == 1 || box.size[last] < 8) return false;
  for (int d = last - 1; d >= 0; --d)
    if (box.from[d] == 1 && box.size[d] >= 8) {
      box = with_second_innermost(box, d);
      return true;
    }
  return false;
}

}  // namespace fovea::kernels
