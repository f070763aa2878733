#include <fovea/kernels/conv/conv_columns.h>

#include <algorithm>

#include <fovea/kernels/conv/conv_patches.h>
#include <fovea/kernels/matmul.h>
#include <fovea/kernels/scratch.h>

namespace fovea::kernels::columns {
namespace {

int64_t slice_rows(const Patches& p) {
  constexpr int64_t kSliceBytes = int64_t(16) << 20;
  if (p.plain()) return p.rows();
  int64_t fitting = kSliceBytes / std::max<int64_t>(p.columns() * int64_t(sizeof(bf16)), 1) / 64 * 64;
  return std::clamp<int64_t>(fitting, 64, std::max<int64_t>(p.rows(), 64));
}

// Calls f(first, count, rows [first, first + count) of the matrix) slice by slice.
template <class F>
void for_each_slice(const Patches& p, const bf16* images, const F& f) {
  int64_t slice = slice_rows(p), columns = p.columns();
  Scratch scratch;
  bf16* matrix = p.plain() ? nullptr : scratch.take<bf16>(size_t(slice * columns));
  for (int64_t first = 0; first < p.rows(); first += slice) {
    int64_t count = std::min(slice, p.rows() - first);
    if (matrix) {
#pragma omp parallel for if (count * columns > kParallelGrain)
      for (int64_t row = 0; row < count; row += 8)
        gather(p, images, first + row, std::min<int64_t>(8, count - row), matrix + row * columns, columns);
    }
    f(first, count, matrix ? static_cast<const bf16*>(matrix) : images + first * p.c);
  }
}

int64_t pixels(const Conv2dShape& s) {
  return s.out_h() * s.out_w();
}
bool strided(const Conv2dShape& s) {
  return s.stride_h > 1 || s.stride_w > 1;
}

}  // namespace

bool pays(const Conv2dShape& s) {
  return s.groups == 1 && s.c >= 256 && pixels(s) <= 16;
}

bool pays_backward_weights(const Conv2dShape& s) {
  return s.groups == 1 && s.c >= 32 && ((s.kh == 1 && s.kw == 1) || pixels(s) <= 16 || (pixels(s) <= 64 && strided(s)));
}

void forward(const Conv2dShape& s, const bf16* x, const float* weight, const float* bias, Epilogue epilogue, bf16* y) {
  Patches p = read_by_outputs(s);
  int64_t columns = p.columns();
  Scratch scratch;
  bf16* turned = scratch.take<bf16>(size_t(columns * s.k));  // [columns, k]
#pragma omp parallel for if (columns * s.k > kParallelGrain)
  for (int64_t i = 0; i < columns; ++i)
    for (int64_t o = 0; o < s.k; ++o) turned[i * s.k + o] = bf16(weight[o * columns + i]);
  const MatmulOutput<bf16> output{.bias = bias, .epilogue = epilogue};
  for_each_slice(p, x, [&](int64_t first, int64_t count, const bf16* matrix) {
    matmul<bf16, bf16>(cpu(), {.m = count, .n = s.k, .k = columns}, matrix, turned, y + first * s.k, output);
  });
}

void backward_data(const Conv2dShape& s, const bf16* dy, const float* weight, bf16* dx) {
  for_each_class(s, [&](const Patches& p, const std::vector<int64_t>& taps, int64_t a, int64_t b) {
    int64_t columns = p.columns();
    Scratch scratch;
    bf16* turned = scratch.take<bf16>(size_t(columns * s.c));  // [tap, k, c]
#pragma omp parallel for if (columns * s.c > kParallelGrain)
    for (int64_t i = 0; i < columns; ++i) {
      const float* from = weight + (i % s.k * s.kh * s.kw + taps[size_t(i / s.k)]) * s.c;
      for (int64_t c = 0; c < s.c; ++c) turned[i * s.c + c] = bf16(from[c]);
    }
    bf16* rows = strided(s) ? scratch.take<bf16>(size_t(slice_rows(p) * s.c)) : nullptr;
    for_each_slice(p, dy, [&](int64_t first, int64_t count, const bf16* matrix) {
      matmul<bf16, bf16>(cpu(), {.m = count, .n = s.c, .k = columns}, matrix, turned, rows ? rows : dx + first * s.c);
      if (!rows) return;
#pragma omp parallel for if (count * s.c > kParallelGrain)
      for (int64_t row = 0; row < count; row += 8)
        scatter(s, p, a, b, first + row, std::min<int64_t>(8, count - row), rows + row * s.c, dx);
    });
  });
}

void backward_weights(const Conv2dShape& s, const bf16* x, const bf16* dy, float* dweight) {
  Patches p = read_by_outputs(s);
  int64_t size = s.k * p.columns();
  Scratch scratch;
  float* part = p.rows() > slice_rows(p) ? scratch.take<float>(size_t(size)) : nullptr;
  for_each_slice(p, x, [&](int64_t first, int64_t count, const bf16* matrix) {
    matmul<bf16, float>(cpu(), {.m = s.k, .n = p.columns(), .k = count, .transpose_a = true}, dy + first * s.k, matrix,
                        first ? part : dweight);
    if (!first) return;
#pragma omp parallel for simd if (size > kParallelGrain)
    for (int64_t i = 0; i < size; ++i) dweight[i] += part[i];
  });
}

}  // namespace fovea::kernels::columns
