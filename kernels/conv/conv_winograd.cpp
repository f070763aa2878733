#include <fovea/kernels/conv/conv_winograd.h>

#include <omp.h>

#include <algorithm>

#include <fovea/kernels/conv/conv_winograd_isa.h>
#include <fovea/kernels/scratch.h>

// y = A^T [(B^T d B) * (G g G^T)] A for each 4x4 tile of y, where d is the 6x6 tile of x around it and * sums over
// channels: 36 matrix products in place of 144, each [tiles, c] times [c, k]. The gradient of x is the same convolution
// with the kernel turned round, the gradient of the weights is its adjoint: G^T [(B^T d B)^T (A dy A^T)] G.
//
// What decides the speed is where the transformed values wait. With few channels a block of tiles is small enough for
// its V (input) and M (product) to stay in the second-level cache while the transformed weights U stream through; with
// many channels U is the larger, blocks are large, and V and M stream instead.
namespace fovea::kernels::winograd {
namespace {

int64_t round_up(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit * unit;
}
int64_t ceil_div(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit;
}

// Pointers to the Size x Size pixels at (y, x) of an image, `outside` for those that it has not.
template <int Size, class Pointer>
void pixels_at(Pointer image, int64_t h, int64_t w, int64_t channels, int64_t y, int64_t x, Pointer outside,
               Pointer (&pixels)[Size * Size]) {
  if (y >= 0 && x >= 0 && y + Size <= h && x + Size <= w) {
    Pointer row = image + (y * w + x) * channels;
    for (int i = 0; i < Size; ++i, row += w * channels)
      for (int j = 0; j < Size; ++j) pixels[i * Size + j] = row + j * channels;
    return;
  }
  for (int i = 0; i < Size; ++i) {
    Pointer row = image + ((y + i) * w + x) * channels;
    bool inside = uint64_t(y + i) < uint64_t(h);
    for (int j = 0; j < Size; ++j)
      pixels[i * Size + j] = inside && uint64_t(x + j) < uint64_t(w) ? row + j * channels : outside;
  }
}

// The tiles of an output of h x w pixels, counted through all images.
struct Tiles {
  int64_t down, across, count;
  Tiles(int64_t n, int64_t h, int64_t w) : down(ceil_div(h, 4)), across(ceil_div(w, 4)), count(n * down * across) {}
  int64_t image(int64_t tile) const { return tile / (down * across); }
  int64_t y(int64_t tile) const { return tile / across % down * 4; }
  int64_t x(int64_t tile) const { return tile % across * 4; }
};

// A stack of 36 matrices of up to `rows` rows in panels of lines, one extra line apart so that they do not all start in
// the same set of the cache.
struct Block {
  int64_t panel, position;
  Block(int64_t rows, int64_t groups) : panel(rows * kLine), position(groups * panel + kLine) {}
  size_t size() const { return size_t(kPositions * position); }
};

// V of tiles [first, first + rows); tiles beyond the last are zero.
template <Isa I>
void transform_input(const Conv2dShape& s, const Tiles& tiles, const float* x, const float* zeros, int64_t first,
                     int64_t rows, float* v, const Block& block) {
  for (int64_t row = 0; row < rows; ++row) {
    int64_t tile = first + row;
    Tile pixels;
    if (tile < tiles.count)
      pixels_at<6>(x + tiles.image(tile) * s.h * s.w * s.c, s.h, s.w, s.c, tiles.y(tile) - s.pad_h,
                   tiles.x(tile) - s.pad_w, zeros, pixels);
    else
      std::fill_n(pixels, 36, zeros);
    input_tile<I>(pixels, s.c, v + row * kLine, block.panel, block.position);
  }
}

// W of channels [k, k + channels) of tiles [first, first + rows).
template <Isa I>
void transform_gradient(const Conv2dShape& s, const Tiles& tiles, const float* dy, const float* zeros, int64_t first,
                        int64_t rows, int64_t k, int64_t channels, float* w, const Block& block) {
  for (int64_t row = 0; row < rows; ++row) {
    int64_t tile = first + row;
    const float* pixels[16];
    pixels_at<4>(dy + tiles.image(tile) * s.out_h() * s.out_w() * s.k + k, s.out_h(), s.out_w(), s.k, tiles.y(tile),
                 tiles.x(tile), zeros, pixels);
    gradient_tile<I>(pixels, channels, w + row * kLine, block.panel, block.position);
  }
}

const float* zero_channels(Scratch& scratch, int64_t channels) {
  float* zeros = scratch.take<float>(size_t(channels));
  std::fill_n(zeros, channels, 0.0f);
  return zeros;
}

// Transformed weights: a panel of lines for each group of 16 outputs and position, so that the weights of a group lie
// in one piece; one line apart, for the cache's sake.
struct Weights {
  int64_t position, group;
  explicit Weights(int64_t inputs) : position((inputs + 1) * kLine), group(kPositions * position) {}
};

// Asks for the lines [k, k + count) of 16 pixels, which are about to be written.
void expect_output(float* const (&pixels)[16], int64_t k, int64_t count) {
  for (float* pixel : pixels)
    for (int64_t o = k; o < k + count; o += kLine) __builtin_prefetch(pixel + o, 1);
}

// y = convolution of x with the transformed weights u.
template <Isa I>
void convolve(const Conv2dShape& s, const float* x, const float* u, const float* bias, Epilogue epilogue, float* y) {
  Tiles tiles(s.n, s.out_h(), s.out_w());
  Weights weights(s.c);
  int64_t c_groups = s.c / kLine, k_groups = s.k / kLine;
  int64_t rows = round_up(std::min<int64_t>(s.c * s.k <= 96 * 96 ? 48 : 24, ceil_div(tiles.count, threads())), kRows);
  int64_t k_chunk = std::min<int64_t>(k_groups, s.c <= 192 ? 4 : 16), c_chunk = std::min<int64_t>(c_groups, 8);
  Block v_block(rows, c_groups), m_block(rows, k_chunk);
  int64_t blocks = ceil_div(tiles.count, rows);

  Scratch scratch;
  const float* zeros = zero_channels(scratch, s.c);
  size_t per_thread = v_block.size() + m_block.size() + size_t(s.k);
  float* all = scratch.take<float>(per_thread * size_t(threads()));
#pragma omp parallel num_threads(threads())
  {
    float* v = all + size_t(omp_get_thread_num()) * per_thread;
    float* m = v + v_block.size();
    float* sink = m + m_block.size();  // for the pixels of a tile that y has not
    auto output = [&](int64_t tile, float*(&pixels)[16]) {
      pixels_at<4>(y + tiles.image(tile) * s.out_h() * s.out_w() * s.k, s.out_h(), s.out_w(), s.k, tiles.y(tile),
                   tiles.x(tile), sink, pixels);
    };
#pragma omp for schedule(dynamic)
    for (int64_t b = 0; b < blocks; ++b) {
      int64_t first = b * rows, count = std::min(rows, tiles.count - first), filled = round_up(count, kRows);
      transform_input<I>(s, tiles, x, zeros, first, filled, v, v_block);
      for (int64_t k = 0; k < k_groups; k += k_chunk) {
        int64_t k_count = std::min(k_chunk, k_groups - k), k_after = k + k_chunk < k_groups ? k + k_chunk : 0;
        for (int64_t i = 0; i < kPositions; ++i)
          for (int64_t c = 0; c < c_groups; c += c_chunk) {
            const float* panels = u + k * weights.group + i * weights.position;
            const float* next = c + c_chunk < c_groups ? panels + (c + c_chunk) * kLine * kLine
                                : i + 1 < kPositions   ? panels + weights.position
                                                       : u + k_after * weights.group;
            multiply<I>(v + i * v_block.position + c * v_block.panel, v_block.panel, panels + c * kLine * kLine,
                        weights.group, m + i * m_block.position, m_block.panel, filled, std::min(c_chunk, c_groups - c),
                        k_count, c > 0, next);
          }
        float *pixels[16], *coming[16];
        output(first, coming);
        expect_output(coming, k * kLine, k_count * kLine);
        for (int64_t row = 0; row < count; ++row) {
          std::copy_n(coming, 16, pixels);
          if (row + 1 < count) {
            output(first + row + 1, coming);
            expect_output(coming, k * kLine, k_count * kLine);
          }
          for (float*& pixel : pixels) pixel += k * kLine;
          output_tile<I>(m + row * kLine, m_block.panel, m_block.position, k_count * kLine,
                         bias ? bias + k * kLine : nullptr, epilogue, pixels);
        }
      }
    }
  }
}

}  // namespace

bool fits(const Conv2dShape& s) {
  return s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 && s.dilation_w == 1 &&
         s.groups == 1 && s.pad_h <= 2 && s.pad_w <= 2 && s.c % kLine == 0 && s.k % kLine == 0;
}

bool pays(const Conv2dShape& s) {
  Tiles tiles(s.n, s.out_h(), s.out_w());
  return fits(s) && tiles.count >= 16 && 3 * s.n * s.out_h() * s.out_w() >= 16 * tiles.count;
}

void forward(const Conv2dShape& s, const float* x, const float* weight, const float* bias, Epilogue epilogue,
             float* y) {
  Scratch scratch;
  Weights weights(s.c);
  float* u = scratch.take<float>(size_t(s.k / kLine * weights.group));
  int64_t taps = 9 * s.c;
  float* all_turned = scratch.take<float>(size_t(taps * kLine * threads()));
  with_isa([&]<Isa I>() {
#pragma omp parallel for num_threads(threads())
    for (int64_t k = 0; k < s.k; k += kLine) {
      // The weights of a group's 16 outputs are needed side by side.
      float* turned = all_turned + taps * kLine * omp_get_thread_num();
      for (int64_t j = 0; j < taps; j += kLine)
        for (int64_t o = 0; o < kLine; ++o)
          for (int64_t i = 0; i < kLine; ++i) turned[(j + i) * kLine + o] = weight[(k + o) * taps + j + i];
      for (int64_t c = 0; c < s.c; ++c)
        weight_line<I>(turned + c * kLine, s.c * kLine, u + k / kLine * weights.group + c * kLine, weights.position);
    }
    convolve<I>(s, x, u, bias, epilogue, y);
  });
}

void backward_data(const Conv2dShape& s, const float* dy, const float* weight, float* dx) {
  Conv2dShape turned = s;
  turned.h = s.out_h(), turned.w = s.out_w(), turned.c = s.k, turned.k = s.c;
  turned.pad_h = 2 - s.pad_h, turned.pad_w = 2 - s.pad_w;
  Scratch scratch;
  Weights weights(s.k);
  float* u = scratch.take<float>(size_t(s.c / kLine * weights.group));
  with_isa([&]<Isa I>() {
#pragma omp parallel for collapse(2) num_threads(threads())
    for (int64_t c = 0; c < s.c; c += kLine)
      for (int64_t k = 0; k < s.k; ++k)
        weight_line<I>(weight + (k * 9 + 8) * s.c + c, -s.c, u + c / kLine * weights.group + k * kLine,
                       weights.position);
    convolve<I>(turned, dy, u, nullptr, Epilogue::none, dx);
  });
}

// The sums over tiles are cut into chunks of 256 outputs and into partial sums over equal shares of the tiles, so many
// that every thread has one; each is worked on by one thread in one order, and the partial sums are added in order.
void backward_weights(const Conv2dShape& s, const float* x, const float* dy, float* dweight) {
  Tiles tiles(s.n, s.out_h(), s.out_w());
  int64_t c_groups = s.c / kLine, k_groups = s.k / kLine;
  int64_t k_chunk = std::min<int64_t>(k_groups, 16), chunks = ceil_div(k_groups, k_chunk);
  int64_t rows = std::min<int64_t>(s.c * s.k <= 128 * 128 ? 32 : 64, tiles.count), blocks = ceil_div(tiles.count, rows);
  Block v_block(rows, c_groups), w_block(rows, k_chunk), d_block(k_chunk * kLine, c_groups);
  int64_t fitting = (int64_t(10) << 20) / int64_t(d_block.size() * sizeof(float)) / chunks;
  int64_t wanted = std::max(std::min<int64_t>(fitting, 8), ceil_div(std::max(threads(), 2), chunks));
  int64_t partials = std::min(blocks, wanted);

  Scratch scratch;
  const float* zeros = zero_channels(scratch, std::max(s.c, s.k));
  float* d = scratch.take<float>(d_block.size() * size_t(partials * chunks));
  size_t per_thread = v_block.size() + w_block.size();
  float* all = scratch.take<float>(per_thread * size_t(threads()));
  with_isa([&]<Isa I>() {
#pragma omp parallel num_threads(threads())
    {
      float* v = all + size_t(omp_get_thread_num()) * per_thread;
      float* w = v + v_block.size();
#pragma omp for schedule(dynamic) collapse(2)
      for (int64_t chunk = 0; chunk < chunks; ++chunk)
        for (int64_t p = 0; p < partials; ++p) {
          int64_t k = chunk * k_chunk, k_count = std::min(k_chunk, k_groups - k);
          float* sum = d + size_t(chunk * partials + p) * d_block.size();
          int64_t begin = blocks * p / partials, end = blocks * (p + 1) / partials;
          for (int64_t b = begin; b < end; ++b) {
            int64_t first = b * rows, count = std::min(rows, tiles.count - first);
            transform_input<I>(s, tiles, x, zeros, first, count, v, v_block);
            transform_gradient<I>(s, tiles, dy, zeros, first, count, k * kLine, k_count * kLine, w, w_block);
            for (int64_t i = 0; i < kPositions; ++i)
              multiply_transposed<I>(w + i * w_block.position, w_block.panel, v + i * v_block.position, v_block.panel,
                                     sum + i * d_block.position, d_block.panel, count, k_count, c_groups, b > begin);
          }
        }
#pragma omp for collapse(2)
      for (int64_t k = 0; k < s.k; ++k)
        for (int64_t c = 0; c < c_groups; ++c) {
          int64_t chunk = k / (k_chunk * kLine), row = k % (k_chunk * kLine);
          weight_gradient_line<I>(d + chunk * partials * int64_t(d_block.size()) + c * d_block.panel + row * kLine,
                                  d_block.position, partials, int64_t(d_block.size()),
                                  dweight + k * 9 * s.c + c * kLine, s.c);
        }
    }
  });
}

}  // namespace fovea::kernels::winograd
