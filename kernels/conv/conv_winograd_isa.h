#pragma once

// Private to conv_winograd*.cpp: the block kernels of the Winograd convolution, one set for each instruction set.
//
// All of them work on lines of 16 channels (64 bytes). A matrix of r rows and 16 g channels is stored as g panels of r
// lines; "panel" arguments are the distance between two panels in floats. A transformed block is 36 such matrices, one
// for each position of the 6x6 tile; "position" arguments are the distance between them.
#include <cstdint>

#include <fovea/kernels/isa.h>
#include <fovea/kernels/matmul.h>

namespace fovea::kernels::winograd {

inline constexpr int64_t kLine = 16, kPositions = 36;
inline constexpr int64_t kRows = 12;  // tiles are multiplied in groups of this many

// The input of one tile: 36 pixels, each a pointer to its first channel (zeros outside of the image).
using Tile = const float* [36];

// V[position][group][line] = B^T d B for one tile of the input.                     reads 36 C, writes 36 C
template <Isa I>
void input_tile(const Tile& pixels, int64_t channels, float* v, int64_t panel, int64_t position);

// W[position][group][line] = A dy A^T for one 4x4 tile of the output's gradient.    reads 16 K, writes 36 K
template <Isa I>
void gradient_tile(const float* const (&pixels)[16], int64_t channels, float* w, int64_t panel, int64_t position);

// y = epilogue(A^T M A + bias) for one tile; bias may be null, the epilogue is none or relu. reads 36 K, writes 16 K
template <Isa I>
void output_tile(const float* m, int64_t panel, int64_t position, int64_t channels, const float* bias,
                 Epilogue epilogue, float* const (&pixels)[16]);

// M[rows, k] (+)= V[rows, c] U[c, k], where U has panels of `c` lines. rows is a multiple of kRows. `next` is the U of
// the call that follows: its first panels are fetched meanwhile.
template <Isa I>
void multiply(const float* v, int64_t v_panel, const float* u, int64_t u_panel, float* m, int64_t m_panel, int64_t rows,
              int64_t c_groups, int64_t k_groups, bool add, const float* next);

// D[k, c] (+)= W[rows, k]^T V[rows, c], where D has panels of `k` lines of c.
template <Isa I>
void multiply_transposed(const float* w, int64_t w_panel, const float* v, int64_t v_panel, float* d, int64_t d_panel,
                         int64_t rows, int64_t k_groups, int64_t c_groups, bool add);

// U[group][position][in][16] = G g G^T for the 16 outputs of a group and one input channel; tap r of output o is
// g[r * tap + o]. `u` points at the line of position 0.
template <Isa I>
void weight_line(const float* g, int64_t tap, float* u, int64_t position);

// dw[r * tap + c] = G^T (sum over partial sums of D) G for 16 channels. `d` points at the line of position 0 of the
// first partial sum.
template <Isa I>
void weight_gradient_line(const float* d, int64_t position, int64_t partials, int64_t partial, float* dw, int64_t tap);

}  // namespace fovea::kernels::winograd
