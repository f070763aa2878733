#include <fovea/kernels/augment.h>

#include <algorithm>

#include <fovea/kernels/image/pixels.h>

namespace fovea::kernels {

AugmentWork augment_work(std::span<Augmentation> views, int size) {
  AugmentWork work;
  work.views = int64_t(views.size());
  work.size = size;
  for (Augmentation& a : views) {
    const ResizeScale across = resize_scale(a.box.left, a.box.right, a.width, a.resized_width, a.filter),
                      down = resize_scale(a.box.top, a.box.bottom, a.height, a.resized_height, a.filter);
    const int begin = std::max(a.top, 0), end = std::min(a.top + size, a.resized_height);
    a.first_row = a.rows = 0;
    if (begin < end) {
      const ResizeWindow last = resize_window(down, end - 1);
      a.first_row = resize_window(down, begin).first;
      a.rows = last.first + last.count - a.first_row;
    }
    a.between = work.between;
    work.between += (int64_t(a.rows) * size * 3 + 15) / 16 * 16;
    work.taps = std::max({work.taps, resize_taps(across), resize_taps(down)});
    work.rows = std::max(work.rows, a.rows);
    work.row_bytes = std::max(work.row_bytes, int64_t(a.width) * 3);
    for (int i = 0; i < a.steps; ++i)
      if (a.step[i] == Augmentation::blur) work.radius = std::max(work.radius, a.radius);
  }
  return work;
}

}  // namespace fovea::kernels
