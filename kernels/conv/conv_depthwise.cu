// Convolutions of each channel with a kernel of its own: no matrix product, a few operations for each byte read.
// Neighbouring lanes have neighbouring channels, 16 bytes of them each where they are aligned, and what neighbouring
// outputs share comes from the first-level cache.
//
//   strip     stride 1 or 2, no dilation, kernels 3, 5 or 7 wide: four neighbours of a row of outputs a thread; each
//             row of the input that they read is loaded once. Also the gradient of the input for stride 1, which is the
//             convolution of dy with the kernel turned around.
//   any       one output, or one element of the input's gradient, and its taps
//   weights   a block sums 3 x 3 taps, or a row of taps, over its part of the points; the parts are added in order by a
//             second kernel
//
// Bytes: forward and gradient of the input read and write each image once, from memory; the gradient of the weight
// reads x and dy once, 5 x 5 and 7 x 7 kernels once for each of their rows, mostly from the second-level cache.
#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/conv/conv_cuda.cuh>

namespace fovea::kernels::conv {
namespace {

constexpr int kThreads = 256, kStrip = 4, kStripThreads = 128;

template <int kVec, class T>
__device__ Pack<float, kVec> floats(const Pack<T, kVec>& pack) {
  Pack<float, kVec> out;
#pragma unroll
  for (int e = 0; e < kVec; ++e) out[e] = to_float(pack[e]);
  return out;
}
template <int kVec, class T>
__device__ Pack<float, kVec> load_floats(const T* p) {
  return floats(load_pack<kVec>(p));
}
template <class T, int kVec>
__device__ void store_floats(T* p, const Pack<float, kVec>& values, float least) {
  Pack<T, kVec> pack;
#pragma unroll
  for (int e = 0; e < kVec; ++e) pack[e] = from_float<T>(at_least(least, values[e]));
  store_pack(p, pack);
}
template <int kVec>
__device__ void add_product(Pack<float, kVec>& sum, const Pack<float, kVec>& a, const Pack<float, kVec>& b) {
#pragma unroll
  for (int e = 0; e < kVec; ++e) sum[e] = fmaf(a[e], b[e], sum[e]);
}

// to[tap][channel] = from[channel][tap], or the last tap first.
__global__ void taps_first_kernel(const float* from, int channels, int taps, bool turned, float* to) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < channels * taps; i += gridDim.x * blockDim.x) {
    const int tap = i / channels, channel = i % channels;
    to[i] = from[channel * taps + (turned ? taps - 1 - tap : tap)];
  }
}

// Blocks of strips on a multiprocessor, at least; 0 leaves it to the compiler, which spills where this does not.
template <class T, int kStride>
constexpr int kBlocks = sizeof(T) == 4 && kStride == 2 ? 4 : 0;

// A thread makes `rows` rows of its strip in turn, so that the first-level cache has the input rows that they share.
template <class T, int kWidth, int kStride>
__global__ __launch_bounds__(kStripThreads,
                             kBlocks<T, kStride>) void strip_kernel(const T* x, const float* weight, const float* bias,
                                                                    float least, T* y, Line line_h, Line line_w,
                                                                    int channels, int rows, int64_t count) {
  constexpr int kVec = kPack<T>, kColumns = (kStrip - 1) * kStride + kWidth;
  const int packs = channels / kVec, strips = ceil_div(line_w.out, kStrip), stripes = ceil_div(line_h.out, rows);
  for (int64_t at = int64_t(blockIdx.x) * kStripThreads + threadIdx.x; at < count;
       at += int64_t(gridDim.x) * kStripThreads) {
    int64_t rest = at / packs;
    const int channel = int(at - rest * packs) * kVec;
    const int j0 = int(rest % strips) * kStrip;
    rest /= strips;
    const int64_t n = rest / stripes;
    const int first = int(rest - n * stripes) * rows, last = std::min(first + rows, line_h.out);
    const int column0 = j0 * kStride - line_w.pad;
    const T* image = x + (n * line_h.in * line_w.in + column0) * channels + channel;
    T* to = y + ((n * line_h.out + first) * line_w.out + j0) * channels + channel;

    for (int i = first; i < last; ++i, to += int64_t(line_w.out) * channels) {
      Pack<float, kVec> sum[kStrip]{};
      if (bias)
#pragma unroll
        for (int o = 0; o < kStrip; ++o) sum[o] = load_floats<kVec>(bias + channel);
      for (int r = 0; r < line_h.kernel; ++r) {
        const int row = i * kStride - line_h.pad + r;
        if (unsigned(row) >= unsigned(line_h.in)) continue;
        const T* from = image + int64_t(row) * line_w.in * channels;
        Pack<float, kVec> factors[kWidth];
#pragma unroll
        for (int q = 0; q < kWidth; ++q) factors[q] = load_floats<kVec>(weight + (r * kWidth + q) * channels + channel);
#pragma unroll
        for (int column = 0; column < kColumns; ++column) {
          const bool inside = unsigned(column0 + column) < unsigned(line_w.in);
          const Pack<T, kVec> pixel = inside ? load_pack<kVec>(from + column * channels) : Pack<T, kVec>{};
#pragma unroll
          for (int o = 0; o < kStrip; ++o)
            if (column >= o * kStride && column < o * kStride + kWidth)
              add_product(sum[o], floats(pixel), factors[column - o * kStride]);
        }
      }
#pragma unroll
      for (int o = 0; o < kStrip; ++o)
        if (j0 + o < line_w.out) store_floats(to + int64_t(o) * channels, sum[o], least);
    }
  }
}

// The position that tap r of position i reads, or one outside: of the input, or (backward) of the output.
template <bool kBackward>
__device__ int source(const Line& line, int i, int r) {
  if constexpr (!kBackward) return i * line.stride - line.pad + r * line.dilation;
  const int at = i + line.pad - r * line.dilation;
  return at % line.stride == 0 ? at / line.stride : -1;
}

template <class T, int kVec, bool kBackward>
__global__ __launch_bounds__(kThreads, 4) void any_kernel(const T* from, const float* weight, const float* bias,
                                                          float least, T* to, Line line_h, Line line_w, int channels,
                                                          int64_t count) {
  const int packs = channels / kVec;
  const int h = kBackward ? line_h.in : line_h.out, w = kBackward ? line_w.in : line_w.out;
  const int from_h = kBackward ? line_h.out : line_h.in, from_w = kBackward ? line_w.out : line_w.in;
  for (int64_t at = int64_t(blockIdx.x) * kThreads + threadIdx.x; at < count; at += int64_t(gridDim.x) * kThreads) {
    const int64_t pixel = at / packs, line = pixel / w, n = line / h;
    const int channel = int(at - pixel * packs) * kVec, j = int(pixel - line * w), i = int(line - n * h);
    Pack<float, kVec> sum{};
    if (bias) sum = load_floats<kVec>(bias + channel);
    for (int r = 0; r < line_h.kernel; ++r) {
      const int row = source<kBackward>(line_h, i, r);
      if (unsigned(row) >= unsigned(from_h)) continue;
      for (int q = 0; q < line_w.kernel; ++q) {
        const int column = source<kBackward>(line_w, j, q);
        if (unsigned(column) >= unsigned(from_w)) continue;
        add_product(sum, load_floats<kVec>(from + ((n * from_h + row) * from_w + column) * channels + channel),
                    load_floats<kVec>(weight + (r * line_w.kernel + q) * channels + channel));
      }
    }
    store_floats(to + pixel * channels + channel, sum, least);
  }
}

// parts[part][tap][channel]: the sums of one part of the points. A block has `lanes` packs of channels and kRows x
// kColumns neighbouring taps; its threads of one pack take the points in turn.
template <class T, int kVec, int kRows, int kColumns>
__global__ __launch_bounds__(kThreads) void weights_kernel(const T* x, const T* dy, Line line_h, Line line_w,
                                                           int channels, int lanes, int points, int points_per_part,
                                                           float* parts) {
  constexpr int kWords = std::min(kVec, 4);
  __shared__ Pack<float, kWords> shared[kVec / kWords][kThreads];
  const int lane = int(threadIdx.x) % lanes, sub = int(threadIdx.x) / lanes, subs = kThreads / lanes;
  const int channel = (int(blockIdx.x) * lanes + lane) * kVec;
  const int across = line_w.kernel / kColumns;
  const int r0 = int(blockIdx.y) / across * kRows, q0 = int(blockIdx.y) % across * kColumns;
  const int part = int(blockIdx.z), end = std::min(points, (part + 1) * points_per_part);

  Pack<float, kVec> sum[kRows][kColumns]{};
  if (channel < channels)
    for (int point = part * points_per_part + sub; point < end; point += subs) {
      const int line = point / line_w.out, j = point - line * line_w.out, n = line / line_h.out;
      const int row0 = (line - n * line_h.out) * line_h.stride - line_h.pad + r0 * line_h.dilation;
      const int column0 = j * line_w.stride - line_w.pad + q0 * line_w.dilation;
      const auto gradient = load_floats<kVec>(dy + int64_t(point) * channels + channel);
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        const int row = row0 + r * line_h.dilation;
        if (unsigned(row) >= unsigned(line_h.in)) continue;
        const T* from = x + ((int64_t(n) * line_h.in + row) * line_w.in + column0) * channels + channel;
#pragma unroll
        for (int q = 0; q < kColumns; ++q)
          if (unsigned(column0 + q * line_w.dilation) < unsigned(line_w.in))
            add_product(sum[r][q], gradient, load_floats<kVec>(from + q * line_w.dilation * channels));
      }
    }
#pragma unroll
  for (int tap = 0; tap < kRows * kColumns; ++tap) {
    Pack<float, kVec>& mine = sum[tap / kColumns][tap % kColumns];
    block_barrier();
#pragma unroll
    for (int e = 0; e < kVec; e += kWords)
#pragma unroll
      for (int f = 0; f < kWords; ++f) shared[e / kWords][threadIdx.x][f] = mine[e + f];
    block_barrier();
    if (sub != 0 || channel >= channels) continue;
    for (int other = 1; other < subs; ++other)
#pragma unroll
      for (int e = 0; e < kVec; ++e) mine[e] += shared[e / kWords][other * lanes + lane][e % kWords];
    const int at = (r0 + tap / kColumns) * line_w.kernel + q0 + tap % kColumns;
    store_pack(parts + (int64_t(part) * line_h.kernel * line_w.kernel + at) * channels + channel, mine);
  }
}

// dweight[channel][tap] = the sum of parts[part][tap][channel], in order.
__global__ void add_parts_kernel(const float* parts, int count, int channels, int taps, float* dweight) {
  const int size = channels * taps;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < size; i += gridDim.x * blockDim.x) {
    float sum = 0;
    for (int part = 0; part < count; ++part) sum += parts[int64_t(part) * size + i];
    dweight[i % channels * taps + i / channels] = sum;
  }
}

float* taps_first(Cuda& ctx, DeviceScratch& scratch, const Conv2dShape& s, const float* weight, bool turned) {
  const int taps = int(s.kh * s.kw);
  float* to = scratch.take<float>(size_t(s.c) * taps);
  launch(ctx, taps_first_kernel, grid_for(ctx, s.c * taps, kThreads), kThreads, 0, weight, int(s.c), taps, turned, to);
  return to;
}

// By strips where the sizes allow it: says whether it did.
template <class T>
bool strips(Cuda& ctx, const Conv2dShape& s, const Line& h, const Line& w, const T* x, const float* weight,
            const float* bias, Epilogue epilogue, T* y) {
  if (!allows_packs<T>(s.c, x, y, bias) || h.stride != w.stride || h.dilation != 1 || w.dilation != 1) return false;
  // As many rows a thread as leave every multiprocessor its threads.
  const int64_t across = s.n * ceil_div(w.out, kStrip) * (s.c / kPack<T>);
  const int rows = int(std::clamp<int64_t>(across * h.out / (int64_t(ctx.multiprocessors) * 1024), 1, 8));
  const int64_t count = across * ceil_div(h.out, rows);
  auto start = [&](auto kernel) {
    launch(ctx, kernel, grid_for(ctx, count, kStripThreads, 16), kStripThreads, 0, x, weight, bias, least(epilogue), y,
           h, w, int(s.c), rows, count);
    return true;
  };
  if (w.stride == 1 && w.kernel == 3) return start(strip_kernel<T, 3, 1>);
  if (w.stride == 1 && w.kernel == 5) return start(strip_kernel<T, 5, 1>);
  if (w.stride == 1 && w.kernel == 7) return start(strip_kernel<T, 7, 1>);
  if (w.stride == 2 && w.kernel == 3) return start(strip_kernel<T, 3, 2>);
  if (w.stride == 2 && w.kernel == 5) return start(strip_kernel<T, 5, 2>);
  return false;
}

template <bool kBackward, class T>
void any(Cuda& ctx, const Conv2dShape& s, const T* from, const float* weight, const float* bias, Epilogue epilogue,
         T* to) {
  const Line h = line_h(s), w = line_w(s);
  const int64_t elements = s.n * s.c * (kBackward ? s.h * s.w : s.out_h() * s.out_w());
  auto start = [&](auto kernel, int64_t count) {
    launch(ctx, kernel, grid_for(ctx, count, kThreads), kThreads, 0, from, weight, bias, least(epilogue), to, h, w,
           int(s.c), count);
  };
  if (allows_packs<T>(s.c, from, to, bias))
    start(any_kernel<T, kPack<T>, kBackward>, elements / kPack<T>);
  else
    start(any_kernel<T, 1, kBackward>, elements);
}

}  // namespace

template <class T>
void depthwise_forward(Cuda& ctx, const Conv2dShape& s, const T* x, const float* weight, const float* bias,
                       Epilogue epilogue, T* y) {
  DeviceScratch scratch(ctx);
  const float* taps = taps_first(ctx, scratch, s, weight, false);
  if (!strips(ctx, s, line_h(s), line_w(s), x, taps, bias, epilogue, y)) any<false>(ctx, s, x, taps, bias, epilogue, y);
}

template <class T>
void depthwise_backward_data(Cuda& ctx, const Conv2dShape& s, const T* dy, const float* weight, T* dx) {
  DeviceScratch scratch(ctx);
  const Line h = line_h(s), w = line_w(s);
  if (h.stride == 1 && w.stride == 1) {
    auto turned = [](const Line& l) {
      return Line{l.out, l.in, l.kernel, 1, l.dilation * (l.kernel - 1) - l.pad, l.dilation};
    };
    const float* taps = taps_first(ctx, scratch, s, weight, true);
    if (strips<T>(ctx, s, turned(h), turned(w), dy, taps, nullptr, Epilogue::none, dx)) return;
  }
  any<true>(ctx, s, dy, taps_first(ctx, scratch, s, weight, false), nullptr, Epilogue::none, dx);
}

template <class T>
void depthwise_backward_weights(Cuda& ctx, const Conv2dShape& s, const T* x, const T* dy, float* dweight) {
  const Line h = line_h(s), w = line_w(s);
  const int channels = int(s.c), taps = h.kernel * w.kernel, points = int(s.n) * h.out * w.out;
  const bool packed = allows_packs<T>(channels, x, dy);
  const int packs = packed ? channels / kPack<T> : channels;
  int lanes = 1;
  while (lanes < kWarp && lanes < packs) lanes *= 2;
  auto start = [&](auto kernel, int taps_at_once) {
    const int across = ceil_div(packs, lanes), rows = taps / taps_at_once;
    // Two waves of blocks, at least four points for each thread.
    const int wanted =
        std::clamp(2 * 8 * ctx.multiprocessors / (across * rows), 1, std::max(points / (4 * (kThreads / lanes)), 1));
    const int each = ceil_div(points, std::min(wanted, 65535)), parts = ceil_div(points, each);
    DeviceScratch scratch(ctx);
    float* sums = scratch.take<float>(size_t(parts) * taps * channels);
    launch(ctx, kernel, dim3(unsigned(across), unsigned(rows), unsigned(parts)), kThreads, 0, x, dy, h, w, channels,
           lanes, points, each, sums);
    launch(ctx, add_parts_kernel, grid_for(ctx, int64_t(channels) * taps, kThreads), kThreads, 0, sums, parts, channels,
           taps, dweight);
  };
  constexpr int kVec = kPack<T>;
  if (!packed)
    start(weights_kernel<T, 1, 1, 1>, 1);
  else if (h.kernel == 3 && w.kernel == 3)
    start(weights_kernel<T, kVec, 3, 3>, 9);
  else if (w.kernel == 5)
    start(weights_kernel<T, kVec, 1, 5>, 5);
  else if (w.kernel == 7)
    start(weights_kernel<T, kVec, 1, 7>, 7);
  else
    start(weights_kernel<T, kVec, 1, 1>, 1);
}

#define FOVEA_INSTANTIATE(T)                                                                                      \
  template void depthwise_forward(Cuda&, const Conv2dShape&, const T*, const float*, const float*, Epilogue, T*); \
  template void depthwise_backward_data(Cuda&, const Conv2dShape&, const T*, const float*, T*);                   \
  template void depthwise_backward_weights(Cuda&, const Conv2dShape&, const T*, const T*, float*)
FOVEA_INSTANTIATE(float);
FOVEA_INSTANTIATE(bf16);

}  // namespace fovea::kernels::conv
