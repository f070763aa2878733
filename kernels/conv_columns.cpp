#include <fovea/kernels/conv_columns.h>

#include <algorithm>

#include <fovea/kernels/matmul.h>
#include <fovea/kernels/scratch.h>

namespace fovea::kernels::columns {

static bool is_matrix(const Conv2dShape& s) {
  return s.kh == 1 && s.kw == 1 && s.stride_h == 1 && s.stride_w == 1 && s.pad_h == 0 && s.pad_w == 0;
}

bool fits(const Conv2dShape& s) {
  int64_t pixels = s.out_h() * s.out_w();
  bool strided = s.stride_h > 1 || s.stride_w > 1;
  return s.groups == 1 && s.c >= 32 && ((s.kh == 1 && s.kw == 1) || pixels <= 16 || (pixels <= 64 && strided));
}

// rows[p, i, j, :] = x at the pixel that tap (i, j) reads for output pixel p, zeros outside.
static void gather_patches(const Conv2dShape& s, const bf16* x, bf16* rows) {
  int64_t lines = s.n * s.out_h();
#pragma omp parallel for schedule(static)
  for (int64_t line = 0; line < lines; ++line) {
    const bf16* image = x + line / s.out_h() * s.h * s.w * s.c;
    bf16* out = rows + line * s.out_w() * s.kh * s.kw * s.c;
    for (int64_t ox = 0; ox < s.out_w(); ++ox)
      for (int64_t i = 0; i < s.kh; ++i) {
        int64_t y = line % s.out_h() * s.stride_h - s.pad_h + i * s.dilation_h;
        for (int64_t j = 0; j < s.kw; ++j, out += s.c) {
          int64_t column = ox * s.stride_w - s.pad_w + j * s.dilation_w;
          bool inside = y >= 0 && y < s.h && column >= 0 && column < s.w;
          if (inside)
            std::copy_n(image + (y * s.w + column) * s.c, s.c, out);
          else
            std::fill_n(out, s.c, bf16());
        }
      }
  }
}

void backward_weights(Cpu& context, const Conv2dShape& s, const bf16* x, const bf16* dy, float* dweight) {
  MatmulSizes sizes;
  sizes.m = s.k, sizes.n = s.kh * s.kw * s.c, sizes.k = s.n * s.out_h() * s.out_w(), sizes.transpose_a = true;
  Scratch scratch;
  const bf16* patches = x;
  if (!is_matrix(s)) {
    bf16* rows = scratch.take<bf16>(size_t(sizes.k * sizes.n));
    gather_patches(s, x, rows);
    patches = rows;
  }
  matmul(context, sizes, dy, patches, dweight);
}

}  // namespace fovea::kernels::columns
