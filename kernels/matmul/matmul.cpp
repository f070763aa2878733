#include <fovea/kernels/matmul.h>

#include <omp.h>

#include <algorithm>
#include <type_traits>

#include <fovea/kernels/base/matmul_tile_isa.h>
#include <fovea/kernels/copy.h>
#include <fovea/kernels/scratch.h>
#ifdef FOVEA_ONEDNN
#include <fovea/kernels/base/onednn.h>
#endif

namespace fovea::kernels {
namespace {

constexpr int64_t kDepth = 256;  // k is cut into pieces whose packed panels stay in the second cache
constexpr int64_t kPanels = 4;   // panels of columns that one task works on
constexpr int64_t kStrip = 48;  // rows of a transposed left operand that are copied together; a multiple of every kRows

int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// One task's share of C: rows [row, row + rows) and columns [col, col + cols), over all of k and, when it is summed
// over, the batch. `right` and `left` are scratch for kPanels packed panels of B and one strip of A.
template <Isa I, class T>
struct Task {
  const MatmulSizes& s;
  const MatmulOutput<T>& output;
  int64_t row, rows, col, cols;
  T *right, *left;

  void run(const T* a, const T* b, T* c) const {
    c += row * s.n + col;
    bool accumulate = output.beta != 0;
    if (accumulate && output.beta != 1)
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < cols; ++j) c[i * s.n + j] *= T(output.beta);
    int64_t repeats = s.stride_c == 0 ? s.batch : 1;
    for (int64_t r = 0; r < repeats; ++r, a += s.stride_a, b += s.stride_b) {
      for (int64_t x = 0; x < s.k; x += kDepth) {
        multiply(x, std::min(kDepth, s.k - x), a, b, c, accumulate);
        accumulate = true;
      }
    }
    if (!accumulate)
      for (int64_t i = 0; i < rows; ++i) std::fill_n(c + i * s.n, cols, T(0));
    if (output.bias || output.epilogue != Epilogue::none)
      finish_rows<I>(rows, cols, output.bias ? output.bias + col : nullptr, output.epilogue, c, s.n);
  }

  void multiply(int64_t x, int64_t depth, const T* a, const T* b, T* c, bool accumulate) const {
    using Block = Tile<I, T>;
    Right<T> block = packed<I>(static_cast<const T*>(right), depth);
    int64_t step = s.transpose_b ? 1 : s.n, column = s.transpose_b ? s.k : 1;
    if (!s.transpose_b && output.alpha == 1 && cols % Block::kLanes == 0 && rows <= kStrip)
      block = {b + x * s.n + col, s.n, Block::kCols};
    else
      pack_panels<I>(depth, cols, b + x * step + col * column, step, column, T(output.alpha), right);
    for (int64_t i = 0; i < rows; i += kStrip) {
      int64_t height = std::min(kStrip, rows - i);
      Left<T> strip{a + (row + i) * s.k + x, s.k, 1};
      if (s.transpose_a) {
        for (int64_t y = 0; y < depth; ++y) std::copy_n(a + (x + y) * s.m + row + i, height, left + y * kStrip);
        strip = {left, 1, kStrip};
      }
      tile_gemm<I>(height, cols, depth, strip, block, c + i * s.n, s.n, accumulate);
    }
  }
};

template <Isa I, class T>
void blocked(const MatmulSizes& s, const T* a, const T* b, T* c, const MatmulOutput<T>& output) {
  using Block = Tile<I, T>;
  int64_t width = kPanels * Block::kCols, columns = divide_up(s.n, width), matrices = s.stride_c == 0 ? 1 : s.batch;
  int64_t work = s.m * s.n * std::max<int64_t>(s.k, 1) * s.batch;
  int team = work > kParallelGrain ? threads() : 1;
  int64_t parts = std::clamp<int64_t>(divide_up(4 * team, matrices * columns), 1, divide_up(s.m, kStrip));
  if (team == 1) parts = 1;
  int64_t height = divide_up(divide_up(s.m, parts), kStrip) * kStrip;
  parts = divide_up(s.m, height);
  Scratch scratch;
  int64_t right_size = width * std::min(s.k, kDepth), left_size = s.transpose_a ? kStrip * std::min(s.k, kDepth) : 0;
  T* buffers = scratch.take<T>(size_t(team * (right_size + left_size)));
#pragma omp parallel for schedule(dynamic) num_threads(team) if (team > 1)
  for (int64_t t = 0; t < matrices * columns * parts; ++t) {
    int64_t part = t % parts, column = t / parts % columns, matrix = t / parts / columns;
    T* mine = buffers + omp_get_thread_num() * (right_size + left_size);
    Task<I, T>{s,
               output,
               part * height,
               std::min(height, s.m - part * height),
               column * width,
               std::min(width, s.n - column * width),
               mine,
               mine + right_size}
        .run(a + matrix * s.stride_a, b + matrix * s.stride_b, c + matrix * s.stride_c);
  }
}

#ifdef FOVEA_ONEDNN
// oneDNN's primitive. C must not be scaled or summed over the batch.
template <class T, class Out>
void through_primitive(const MatmulSizes& s, const T* a, const T* b, Out* c, const MatmulOutput<T>& output) {
  namespace dnn = onednn;
  struct Entry {
    dnn::Desc a, b, bias, c;
    dnn::Primitive primitive;
  };
  static dnn::Cache<Entry> cache;
  auto make = [&] {
    auto operand = [&](int64_t rows, int64_t cols, bool transposed, int64_t stride) {
      int64_t count = stride == 0 ? 1 : s.batch, far = stride == 0 ? rows * cols : stride;
      return dnn::strided({count, rows, cols}, dnn::type_of<T>,
                          transposed ? dnn::Dims{far, 1, rows} : dnn::Dims{far, cols, 1});
    };
    Entry e;
    e.a = operand(s.m, s.k, s.transpose_a, s.stride_a);
    e.b = operand(s.k, s.n, s.transpose_b, s.stride_b);
    e.c = dnn::strided({s.batch, s.m, s.n}, dnn::type_of<Out>, {s.batch == 1 ? s.m * s.n : s.stride_c, s.n, 1});
    if (output.bias) e.bias = dnn::row_major({1, 1, s.n}, dnn::Type::f32);
    e.primitive = dnn::primitive<dnnl::matmul>(dnn::matmul(e.a, e.b, e.bias, e.c, output.epilogue));
    return e;
  };
  auto entry = cache.get({s.m, s.n, s.k, s.transpose_a, s.transpose_b, s.batch, s.stride_a, s.stride_b, s.stride_c,
                          output.bias != nullptr, int64_t(output.epilogue)},
                         make);
  dnn::Arg src{DNNL_ARG_SRC, entry->a, a}, weights{DNNL_ARG_WEIGHTS, entry->b, b}, dst{DNNL_ARG_DST, entry->c, c};
  if (output.bias)
    dnn::run(entry->primitive, {src, weights, {DNNL_ARG_BIAS, entry->bias, output.bias}, dst});
  else
    dnn::run(entry->primitive, {src, weights, dst});
}

// BLAS' interface: any alpha and beta, and better where a small C sums over a long k, as gradients of weights do.
void through_sgemm(const MatmulSizes& s, const float* a, const float* b, float* c, const MatmulOutput<float>& output) {
  for (int64_t i = 0; i < s.batch; ++i) {
    float beta = s.stride_c == 0 && i > 0 ? 1 : float(output.beta);
    dnnl_sgemm(s.transpose_a ? 'T' : 'N', s.transpose_b ? 'T' : 'N', s.m, s.n, s.k, float(output.alpha),
               a + i * s.stride_a, s.transpose_a ? s.m : s.k, b + i * s.stride_b, s.transpose_b ? s.k : s.n, beta,
               c + i * s.stride_c, s.n);
  }
}

constexpr int64_t kTiny = 64 * 64 * 64;  // products for which finding a primitive takes as long as multiplying

bool plain_output(const MatmulSizes& s, double alpha, double beta) {
  return alpha == 1 && beta == 0 && (s.batch == 1 || s.stride_c != 0);
}
#endif

// bf16 where the CPU has no units for it: the product of the operands in float.
template <class Out>
void through_float(const MatmulSizes& s, const bf16* a, const bf16* b, Out* c, const MatmulOutput<bf16>& output) {
  Scratch scratch;
  auto widened = [&](const bf16* x, int64_t one, int64_t stride) {
    int64_t count = one + (s.batch - 1) * stride;
    float* wide = scratch.take<float>(size_t(count));
    cast(cpu(), x, wide, count);
    return wide;
  };
  int64_t count = s.m * s.n + (s.batch - 1) * s.stride_c;
  const float *wide_a = widened(a, s.m * s.k, s.stride_a), *wide_b = widened(b, s.k * s.n, s.stride_b);
  float* wide_c;
  if constexpr (std::is_same_v<Out, float>) {
    wide_c = c;
  } else {
    wide_c = scratch.take<float>(size_t(count));
    if (output.beta != 0) cast(cpu(), c, wide_c, count);
  }
  matmul<float, float>(cpu(), s, wide_a, wide_b, wide_c, {output.alpha, output.beta, output.bias, output.epilogue});
  if constexpr (!std::is_same_v<Out, float>) cast(cpu(), wide_c, c, count);
}

// c = beta c + residual
template <class T, class Out>
void add_residual(int64_t n, const MatmulOutput<T>& output, const T* residual, Out* c) {
  using Acc = accumulator_t<T>;
#pragma omp parallel for if (n > kParallelGrain)
  for (int64_t i = 0; i < n; ++i) c[i] = Out((output.beta != 0 ? Acc(output.beta) * Acc(c[i]) : 0) + Acc(residual[i]));
}

}  // namespace

template <class T, class Out>
void matmul(Cpu&, const MatmulSizes& s, const T* a, const T* b, Out* c, const MatmulOutput<T>& output) {
  if (s.m == 0 || s.n == 0 || s.batch == 0) return;
  if (output.residual) {  // becomes what is there already
    int64_t matrices = s.stride_c == 0 ? 1 : s.batch;
    for (int64_t i = 0; i < matrices; ++i)
      add_residual(s.m * s.n, output, output.residual + i * s.stride_c, c + i * s.stride_c);
    return matmul(cpu(), s, a, b, c, MatmulOutput<T>{output.alpha, 1, output.bias, output.epilogue});
  }
#ifdef FOVEA_ONEDNN
  if constexpr (!std::is_same_v<T, double>) {
    bool plain = s.k > 0 && plain_output(s, output.alpha, output.beta), large = s.m * s.n * s.k * s.batch > kTiny;
    bool bare = !output.bias && output.epilogue == Epilogue::none;
    if constexpr (std::is_same_v<T, float>) {
      bool tall = s.k > 4 * std::max(s.m, s.n) && s.batch == 1;
      if (large && bare && (tall || !plain) && onednn::usable<T>()) return through_sgemm(s, a, b, c, output);
    }
    if (large && plain && onednn::usable<T>()) return through_primitive(s, a, b, c, output);
  }
#endif
  if constexpr (std::is_same_v<T, bf16>)
    through_float(s, a, b, c, output);
  else
    with_isa([&]<Isa I>() { blocked<I, T>(s, a, b, c, output); });
}

template void matmul<float, float>(Cpu&, const MatmulSizes&, const float*, const float*, float*,
                                   const MatmulOutput<float>&);
template void matmul<double, double>(Cpu&, const MatmulSizes&, const double*, const double*, double*,
                                     const MatmulOutput<double>&);
template void matmul<bf16, bf16>(Cpu&, const MatmulSizes&, const bf16*, const bf16*, bf16*, const MatmulOutput<bf16>&);
template void matmul<bf16, float>(Cpu&, const MatmulSizes&, const bf16*, const bf16*, float*,
                                  const MatmulOutput<bf16>&);

template <class T>
void epilogue_backward(Cpu&, int64_t rows, int64_t cols, const T* y, const T* dy, T* dz, accumulator_t<T>* bias) {
  constexpr int64_t kMaxChunks = 64;
  int64_t chunk = std::max<int64_t>(divide_up(rows, kMaxChunks), 32), chunks = divide_up(rows, chunk);
  Scratch scratch;
  auto* partial = bias ? scratch.take<accumulator_t<T>>(size_t(chunks * cols)) : nullptr;
#pragma omp parallel for schedule(static) if (rows * cols > kParallelGrain)
  for (int64_t i = 0; i < chunks; ++i) {
    accumulator_t<T>* sums = bias ? partial + i * cols : nullptr;
    if (bias) std::fill_n(sums, cols, accumulator_t<T>(0));
    int64_t begin = i * chunk * cols;
    with_isa([&]<Isa I>() {
      epilogue_backward_rows<I>(std::min(chunk, rows - i * chunk), cols, y ? y + begin : nullptr, dy + begin,
                                y ? dz + begin : nullptr, sums);
    });
  }
  if (!bias) return;
  std::fill_n(bias, cols, accumulator_t<T>(0));
  for (int64_t i = 0; i < chunks; ++i)
    for (int64_t j = 0; j < cols; ++j) bias[j] += partial[i * cols + j];
}
template void epilogue_backward<float>(Cpu&, int64_t, int64_t, const float*, const float*, float*, float*);
template void epilogue_backward<double>(Cpu&, int64_t, int64_t, const double*, const double*, double*, double*);
template void epilogue_backward<bf16>(Cpu&, int64_t, int64_t, const bf16*, const bf16*, bf16*, float*);

}  // namespace fovea::kernels
