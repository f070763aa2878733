#include <fovea/kernels/conv/conv_winograd_isa.h>

namespace fovea::kernels::winograd {
namespace {

constexpr int kWidth = kIsa == Isa::avx512 ? 16 : kIsa == Isa::avx2 ? 8 : 4;
constexpr int kParts = int(kLine) / kWidth;  // vectors in a line
typedef float V __attribute__((vector_size(4 * kWidth)));

// Register tile of the two products: rows x lines, sized so that the sums fill the registers and leave space for a row.
constexpr int kTileRows = kIsa == Isa::avx512 ? 12 : kIsa == Isa::avx2 ? 6 : 3;
constexpr int kTileLines = kIsa == Isa::avx512 ? 2 : 1;
constexpr int kTransposedRows = kIsa == Isa::avx512 ? 8 : kIsa == Isa::avx2 ? 4 : 2;
static_assert(kRows % kTileRows == 0 && kLine % kTransposedRows == 0);

[[gnu::always_inline]] inline V load(const float* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
[[gnu::always_inline]] inline void store(float* p, const V& v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// The transforms of F(4, 3) with the points 0, 1, -1, 2, -2, infinity (Lavin and Gray, 2016, "Fast algorithms for
// convolutional neural networks"), applied to one row or column.
//   B^T: six values to six
[[gnu::always_inline]] inline void input_row(V& a, V& b, V& c, V& d, V& e, V& f) {
  V even = e - 4.0f * c, odd = d - 4.0f * b, even2 = e - c, odd2 = 2.0f * (d - b);
  a = 4.0f * a + (e - 5.0f * c);
  f = 4.0f * b + (f - 5.0f * d);
  b = even + odd, c = even - odd, d = even2 + odd2, e = even2 - odd2;
}
//   A^T: six values to four
[[gnu::always_inline]] inline void output_row(const V& a, const V& b, const V& c, const V& d, const V& e, const V& f,
                                              V& o0, V& o1, V& o2, V& o3) {
  V sum = b + c, difference = b - c, sum2 = d + e, difference2 = d - e;
  o0 = a + sum + sum2;
  o1 = difference + 2.0f * difference2;
  o2 = sum + 4.0f * sum2;
  o3 = f + (difference + 8.0f * difference2);
}
//   A: four values to six
[[gnu::always_inline]] inline void gradient_row(const V& a, const V& b, const V& c, const V& d, V (&o)[6]) {
  V even = a + c, odd = b + d, even2 = a + 4.0f * c, odd2 = 2.0f * b + 8.0f * d;
  o[0] = a, o[1] = even + odd, o[2] = even - odd, o[3] = even2 + odd2, o[4] = even2 - odd2, o[5] = d;
}
//   G: three values to six
[[gnu::always_inline]] inline void weight_row(const V& a, const V& b, const V& c, V (&o)[6]) {
  V even = (a + c) * (-1.0f / 6), odd = b * (-1.0f / 6), even2 = a * (1.0f / 24) + c * (1.0f / 6),
    odd2 = b * (1.0f / 12);
  o[0] = a * 0.25f, o[1] = even + odd, o[2] = even - odd, o[3] = even2 + odd2, o[4] = even2 - odd2, o[5] = c;
}
//   G^T: six values to three
[[gnu::always_inline]] inline void weight_gradient_row(const V (&d)[6], V& a, V& b, V& c) {
  V sum = (d[1] + d[2]) * (-1.0f / 6), sum2 = d[3] + d[4];
  a = d[0] * 0.25f + (sum + sum2 * (1.0f / 24));
  b = (d[2] - d[1]) * (1.0f / 6) + (d[3] - d[4]) * (1.0f / 12);
  c = sum + (sum2 * (1.0f / 6) + d[5]);
}

// Rows x Lines lines of sums over c_groups * 16 channels; meanwhile `ahead` lines a group of each panel at `next` come
// into the second-level cache.
template <int Rows, int Lines>
[[gnu::always_inline]] inline void multiply_tile(const float* v, int64_t v_panel, const float* u, int64_t u_panel,
                                                 float* m, int64_t m_panel, int64_t c_groups, bool add,
                                                 const float* next, int64_t ahead) {
  constexpr int kVectors = Lines * kParts;
  V sum[Rows][kVectors];
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < kVectors; ++j)
      sum[i][j] = add ? load(m + (j / kParts) * m_panel + i * kLine + (j % kParts) * kWidth) : V{};
  for (int64_t group = 0; group < c_groups; ++group, v += v_panel, u += kLine * kLine) {
    for (int64_t line = 0; line < ahead; ++line, next += kLine)
      for (int j = 0; j < Lines; ++j) __builtin_prefetch(next + j * u_panel, 0, 2);
    for (int c = 0; c < kLine; ++c) {
      V b[kVectors];
      for (int j = 0; j < kVectors; ++j) b[j] = load(u + (j / kParts) * u_panel + c * kLine + (j % kParts) * kWidth);
#pragma GCC unroll 12
      for (int i = 0; i < Rows; ++i) {
        V a = v[i * kLine + c] - V{};
        for (int j = 0; j < kVectors; ++j) sum[i][j] += a * b[j];
      }
    }
  }
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < kVectors; ++j) store(m + (j / kParts) * m_panel + i * kLine + (j % kParts) * kWidth, sum[i][j]);
}

template <int Rows, int Lines>
[[gnu::always_inline]] inline void transposed_tile(const float* w, const float* v, int64_t v_panel, float* d,
                                                   int64_t d_panel, int64_t rows, bool add) {
  constexpr int kVectors = Lines * kParts;
  V sum[Rows][kVectors];
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < kVectors; ++j)
      sum[i][j] = add ? load(d + (j / kParts) * d_panel + i * kLine + (j % kParts) * kWidth) : V{};
  for (int64_t t = 0; t < rows; ++t, v += kLine, w += kLine) {
    V b[kVectors];
    for (int j = 0; j < kVectors; ++j) b[j] = load(v + (j / kParts) * v_panel + (j % kParts) * kWidth);
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      V a = w[i] - V{};
      for (int j = 0; j < kVectors; ++j) sum[i][j] += a * b[j];
    }
  }
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < kVectors; ++j) store(d + (j / kParts) * d_panel + i * kLine + (j % kParts) * kWidth, sum[i][j]);
}

}  // namespace

template <Isa I>
void input_tile(const Tile& pixels, int64_t channels, float* v, int64_t panel, int64_t position) {
  for (int64_t c = 0; c < channels; c += kLine, v += panel)
    for (int part = 0; part < kParts; ++part) {
      int64_t at = c + part * kWidth;
      V d[6][6];
#pragma GCC unroll 6
      for (int j = 0; j < 6; ++j) {
        for (int i = 0; i < 6; ++i) d[i][j] = load(pixels[i * 6 + j] + at);
        input_row(d[0][j], d[1][j], d[2][j], d[3][j], d[4][j], d[5][j]);
      }
#pragma GCC unroll 6
      for (int i = 0; i < 6; ++i) {
        input_row(d[i][0], d[i][1], d[i][2], d[i][3], d[i][4], d[i][5]);
        for (int j = 0; j < 6; ++j) store(v + (i * 6 + j) * position + part * kWidth, d[i][j]);
      }
    }
}

template <Isa I>
void gradient_tile(const float* const (&pixels)[16], int64_t channels, float* w, int64_t panel, int64_t position) {
  for (int64_t c = 0; c < channels; c += kLine, w += panel)
    for (int part = 0; part < kParts; ++part) {
      int64_t at = c + part * kWidth;
      V columns[4][6];  // [column of dy][row of W]
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j)
        gradient_row(load(pixels[j] + at), load(pixels[4 + j] + at), load(pixels[8 + j] + at),
                     load(pixels[12 + j] + at), columns[j]);
#pragma GCC unroll 6
      for (int i = 0; i < 6; ++i) {
        V row[6];
        gradient_row(columns[0][i], columns[1][i], columns[2][i], columns[3][i], row);
        for (int j = 0; j < 6; ++j) store(w + (i * 6 + j) * position + part * kWidth, row[j]);
      }
    }
}

template <Isa I>
void output_tile(const float* m, int64_t panel, int64_t position, int64_t channels, const float* bias,
                 Epilogue epilogue, float* const (&pixels)[16]) {
  for (int64_t k = 0; k < channels; k += kLine, m += panel)
    for (int part = 0; part < kParts; ++part) {
      int64_t at = k + part * kWidth;
      V d[4][6];
#pragma GCC unroll 6
      for (int j = 0; j < 6; ++j) {
        const float* p = m + j * position + part * kWidth;
        output_row(load(p), load(p + 6 * position), load(p + 12 * position), load(p + 18 * position),
                   load(p + 24 * position), load(p + 30 * position), d[0][j], d[1][j], d[2][j], d[3][j]);
      }
      V shift = bias ? load(bias + at) : V{};
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        V o[4];
        output_row(d[i][0], d[i][1], d[i][2], d[i][3], d[i][4], d[i][5], o[0], o[1], o[2], o[3]);
        for (int j = 0; j < 4; ++j) {
          V y = o[j] + shift;
          store(pixels[i * 4 + j] + at, epilogue == Epilogue::relu ? (y < V{} ? V{} : y) : y);
        }
      }
    }
}

template <Isa I>
void multiply(const float* v, int64_t v_panel, const float* u, int64_t u_panel, float* m, int64_t m_panel, int64_t rows,
              int64_t c_groups, int64_t k_groups, bool add, const float* next) {
  int64_t ahead = (kLine + rows / kTileRows - 1) / (rows / kTileRows), group = 0;
  for (; group + kTileLines <= k_groups; group += kTileLines) {
    const float* coming = group + 2 * kTileLines <= k_groups ? u + (group + kTileLines) * u_panel : next;
    for (int64_t row = 0; row < rows; row += kTileRows)
      multiply_tile<kTileRows, kTileLines>(v + row * kLine, v_panel, u + group * u_panel, u_panel,
                                           m + group * m_panel + row * kLine, m_panel, c_groups, add,
                                           coming + row / kTileRows * ahead * c_groups * kLine, ahead);
  }
  for (; group < k_groups; ++group)
    for (int64_t row = 0; row < rows; row += kTileRows)
      multiply_tile<kTileRows, 1>(v + row * kLine, v_panel, u + group * u_panel, u_panel,
                                  m + group * m_panel + row * kLine, m_panel, c_groups, add, next, 0);
}

template <Isa I>
void multiply_transposed(const float* w, int64_t w_panel, const float* v, int64_t v_panel, float* d, int64_t d_panel,
                         int64_t rows, int64_t k_groups, int64_t c_groups, bool add) {
  int64_t group = 0;
  for (; group + kTileLines <= c_groups; group += kTileLines)
    for (int64_t k = 0; k < k_groups * kLine; k += kTransposedRows)
      transposed_tile<kTransposedRows, kTileLines>(w + k / kLine * w_panel + k % kLine, v + group * v_panel, v_panel,
                                                   d + group * d_panel + k * kLine, d_panel, rows, add);
  for (; group < c_groups; ++group)
    for (int64_t k = 0; k < k_groups * kLine; k += kTransposedRows)
      transposed_tile<kTransposedRows, 1>(w + k / kLine * w_panel + k % kLine, v + group * v_panel, v_panel,
                                          d + group * d_panel + k * kLine, d_panel, rows, add);
}

template <Isa I>
void weight_line(const float* g, int64_t tap, float* u, int64_t position) {
  for (int part = 0; part < kParts; ++part, g += kWidth, u += kWidth) {
    V columns[3][6];
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j)
      weight_row(load(g + j * tap), load(g + (3 + j) * tap), load(g + (6 + j) * tap), columns[j]);
#pragma GCC unroll 6
    for (int i = 0; i < 6; ++i) {
      V row[6];
      weight_row(columns[0][i], columns[1][i], columns[2][i], row);
      for (int j = 0; j < 6; ++j) store(u + (i * 6 + j) * position, row[j]);
    }
  }
}

template <Isa I>
void weight_gradient_line(const float* d, int64_t position, int64_t partials, int64_t partial, float* dw, int64_t tap) {
  for (int part = 0; part < kParts; ++part, d += kWidth, dw += kWidth) {
    V columns[3][6];  // [row of dw][column of D]
#pragma GCC unroll 6
    for (int j = 0; j < 6; ++j) {
      V column[6];
      for (int i = 0; i < 6; ++i) {
        column[i] = load(d + (i * 6 + j) * position);
        for (int64_t p = 1; p < partials; ++p) column[i] += load(d + (i * 6 + j) * position + p * partial);
      }
      weight_gradient_row(column, columns[0][j], columns[1][j], columns[2][j]);
    }
    for (int i = 0; i < 3; ++i) {
      V a, b, c;
      weight_gradient_row(columns[i], a, b, c);
      store(dw + (i * 3) * tap, a), store(dw + (i * 3 + 1) * tap, b), store(dw + (i * 3 + 2) * tap, c);
    }
  }
}

template void input_tile<kIsa>(const Tile&, int64_t, float*, int64_t, int64_t);
template void gradient_tile<kIsa>(const float* const (&)[16], int64_t, float*, int64_t, int64_t);
template void output_tile<kIsa>(const float*, int64_t, int64_t, int64_t, const float*, Epilogue, float* const (&)[16]);
template void multiply<kIsa>(const float*, int64_t, const float*, int64_t, float*, int64_t, int64_t, int64_t, int64_t,
                             bool, const float*);
template void multiply_transposed<kIsa>(const float*, int64_t, const float*, int64_t, float*, int64_t, int64_t, int64_t,
                                        int64_t, bool);
template void weight_line<kIsa>(const float*, int64_t, float*, int64_t);
template void weight_gradient_line<kIsa>(const float*, int64_t, int64_t, int64_t, float*, int64_t);

}  // namespace fovea::kernels::winograd
