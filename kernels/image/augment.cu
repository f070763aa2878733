// Views of a batch from 8-bit images, each block at work on one view:
//
//   1. tables    for every view, axis and position: which pixels a resize reads, their weights (22-bit fixed point)
//   2. rows      along x: image rows through shared memory -> `between` [rows, size, 3]
//   3. columns   along y, 16 bytes a thread -> `view` [size, size, 3], flipped and turned; the sum of the gray levels
//                that contrast will ask for, whose pixels have by then gone through the steps before it
//   4. colours   all steps up to the blur; views without one are normalised and written
//   5. blurs     down the columns of a few rows into shared memory, along the rows out of it; then the steps behind it
//
// Integers are PIL's and floats are rounded like the CPU's (this file is compiled without fused multiply-adds), so the
// bytes are the CPU's. Sums of gray levels are integers: atomic additions in any order give the same.
//
// Bytes a view, with w x h the image, s the size and r the blur's radius: reads 3 w h, writes and reads 3 s h, writes
// 3 s^2, reads it again; writes 12 s^2. A blur reads its rows 1 + 2 r / kRows times, mostly from the caches.
#include <fovea/kernels/augment.h>
#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/image/pixels.h>
#include <fovea/kernels/base/cuda_utils.cuh>

namespace fovea::kernels {
namespace {

constexpr int kThreads = 256, kRows = 8, kChunk = 3072;  // kChunk: bytes of 1024 pixels
constexpr int64_t kStagedBytes = 32 * 1024;              // rows above this are read where they are

// A barrier behind loops that some lanes leave earlier than others.
__device__ void sync_block() {
  __syncwarp();
  __syncthreads();
}

struct Tables {
  int *first, *count;  // [views, 2 axes, size]
  int32_t* weight;     // [views, 2 axes, taps, size]
};

__global__ void table_kernel(const Augmentation* views, int size, int taps, Tables tables, unsigned long long* sums) {
  const int64_t v = blockIdx.y;
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x), axis = i / size, at = i % size;
  if (i == 0) sums[v] = 0;
  if (axis > 1) return;
  const Augmentation& a = views[v];
  const int out = axis ? a.resized_height : a.resized_width;
  int position = at + (axis ? a.top : a.left);
  if (!axis && a.mirror) position = out - 1 - position;
  const int64_t row = (v * 2 + axis) * size + at;
  if (position < 0 || position >= out) {
    tables.first[row] = tables.count[row] = 0;
    return;
  }
  const ResizeScale scale = axis ? resize_scale(a.box.top, a.box.bottom, a.height, out, a.filter)
                                 : resize_scale(a.box.left, a.box.right, a.width, out, a.filter);
  const ResizeWindow window = resize_window(scale, position);
  tables.first[row] = window.first;
  tables.count[row] = window.count;
  double sum = 0;
  for (int k = 0; k < window.count; ++k) sum += resize_weight(scale, window, k);
  int32_t* weight = tables.weight + (v * 2 + axis) * taps * size + at;
  for (int k = 0; k < window.count; ++k) weight[int64_t(k) * size] = resize_fixed(resize_weight(scale, window, k), sum);
}

__device__ uint8_t resized_byte(int sum) {
  return uint8_t(max(0, min(255, sum >> kResizeBits)));
}

// The block's view, in shared memory: the loops come back to it for every pixel.
__device__ const Augmentation& staged_view(const Augmentation* views, int64_t v) {
  static_assert(sizeof(Augmentation) % 4 == 0);
  __shared__ Augmentation view;
  const auto* from = reinterpret_cast<const uint32_t*>(views + v);
  for (int i = threadIdx.x; i < int(sizeof(Augmentation) / 4); i += kThreads)
    reinterpret_cast<uint32_t*>(&view)[i] = from[i];
  sync_block();
  return view;
}

// n bytes between global and shared memory by `threads` threads, 16 at once where both sides allow: the shared side
// begins as far behind a multiple of 16 as the global one, skew() bytes.
__device__ int skew(const void* p) {
  return int(reinterpret_cast<uintptr_t>(p) % 16);
}
template <class To, class From>
__device__ void copy_run(To* to, const From* from, int n, int thread, int threads) {
  const int head = min(n, (16 - skew(to)) % 16), packs = (n - head) / 16, tail = head + 16 * packs;
  for (int i = thread; i < head; i += threads) to[i] = from[i];
  for (int i = thread; i < packs; i += threads)
    *reinterpret_cast<uint4*>(to + head + 16 * i) = *reinterpret_cast<const uint4*>(from + head + 16 * i);
  for (int i = tail + thread; i < n; i += threads) to[i] = from[i];
}

// Shared memory: kRows rows of row_bytes and 16 bytes, none if they are not staged; kRows results and 16 bytes.
__global__ void rows_kernel(const uint8_t* pixels, const Augmentation* views, int size, int taps, int staged_bytes,
                            Tables tables, uint8_t* between) {
  extern __shared__ __align__(16) uint8_t shared[];
  const int64_t v = blockIdx.y;
  const Augmentation& a = staged_view(views, v);
  const int first = int(blockIdx.x) * kRows, rows = min(kRows, a.rows - first);
  if (rows <= 0) return;
  constexpr int kTogether = 4;  // rows for which a thread reads a weight once
  const int64_t stride = a.stride;
  const uint8_t* image = pixels + a.pixels + (a.first_row + first) * stride;
  if (staged_bytes > 0) {
    const int warp = threadIdx.x / kWarp;  // a row a warp
    static_assert(kThreads / kWarp == kRows);
    const uint8_t* from = image + warp * stride;
    if (warp < rows) copy_run(shared + warp * staged_bytes + skew(from), from, 3 * a.width, threadIdx.x % kWarp, kWarp);
    sync_block();
  }
  uint8_t* to = between + a.between + int64_t(first) * size * 3;
  uint8_t* result = shared + kRows * staged_bytes + skew(to);
  const int* window = tables.first + v * 2 * size;
  const int* counts = tables.count + v * 2 * size;
  const int32_t* weights = tables.weight + v * 2 * taps * size;
  for (int i = threadIdx.x; i < kRows / kTogether * size; i += kThreads) {
    const int row = i / size * kTogether, col = i % size, count = counts[col], at = 3 * window[col];
    const uint8_t* from[kTogether];  // rows beyond the last read that one again
    int sum[kTogether][3];
#pragma unroll
    for (int j = 0; j < kTogether; ++j) {
      const int own = min(row + j, rows - 1);
      from[j] = image + own * stride;
      if (staged_bytes > 0) from[j] = shared + own * staged_bytes + skew(from[j]);
      from[j] += at;
#pragma unroll
      for (int c = 0; c < 3; ++c) sum[j][c] = 1 << (kResizeBits - 1);
    }
    for (int k = 0; k < count; ++k) {
      const int32_t w = weights[int64_t(k) * size + col];
#pragma unroll
      for (int j = 0; j < kTogether; ++j)
#pragma unroll
        for (int c = 0; c < 3; ++c) sum[j][c] += from[j][3 * k + c] * w;
    }
#pragma unroll
    for (int j = 0; j < kTogether; ++j)
#pragma unroll
      for (int c = 0; c < 3; ++c)
        if (row + j < rows) result[((row + j) * size + col) * 3 + c] = resized_byte(sum[j][c]);
  }
  sync_block();
  copy_run(to, result, rows * size * 3, threadIdx.x, kThreads);
}

__device__ int index_of(const Augmentation& a, Augmentation::Step kind) {
  int i = 0;
  while (i < a.steps && a.step[i] != kind) ++i;
  return i;
}

// Steps [begin, end) of a pixel; `mean`: the gray level that contrast blends with.
__device__ Rgb stepped(const Augmentation& a, int begin, int end, int mean, Rgb p) {
  for (int i = begin; i < end; ++i) {
    const float value = a.value[i];
    switch (a.step[i]) {
      case Augmentation::brightness:
      case Augmentation::contrast:
      case Augmentation::saturation: {
        const int c = a.step[i] == Augmentation::brightness ? 0
                      : a.step[i] == Augmentation::contrast ? mean
                                                            : gray_level(p.r, p.g, p.b);
        p = {blend_byte(p.r, c, value), blend_byte(p.g, c, value), blend_byte(p.b, c, value)};
        break;
      }
      case Augmentation::hue:
        p = shift_hue_pixel(p.r, p.g, p.b, int(value));
        break;
      case Augmentation::gray:
        p.r = p.g = p.b = gray_level(p.r, p.g, p.b);
        break;
      case Augmentation::solarize:
        p = {solarize_byte(p.r, int(value)), solarize_byte(p.g, int(value)), solarize_byte(p.b, int(value))};
        break;
      case Augmentation::blur:
        break;
    }
  }
  return p;
}

// The same for all `pixels` in shared memory, by the block; the last step leaves a barrier behind.
__device__ void step_all(const Augmentation& a, int begin, int end, int mean, uint8_t* x, int pixels) {
  if (begin >= end) return;
  for (int i = threadIdx.x; i < pixels; i += kThreads) {
    const Rgb p = stepped(a, begin, end, mean, {x[3 * i], x[3 * i + 1], x[3 * i + 2]});
    x[3 * i] = uint8_t(p.r), x[3 * i + 1] = uint8_t(p.g), x[3 * i + 2] = uint8_t(p.b);
  }
  sync_block();
}

// kBytes (16 or 1) neighbouring bytes.
template <int kBytes>
__device__ Pack<uint8_t, kBytes> load_bytes(const uint8_t* p) {
  return *reinterpret_cast<const Pack<uint8_t, kBytes>*>(p);
}

// Shared memory: kRows results and 16 bytes. kBytes divides 3 * size.
template <int kBytes>
__global__ void columns_kernel(const uint8_t* between, const Augmentation* all, int size, int taps, Tables tables,
                               uint8_t* views, unsigned long long* sums) {
  extern __shared__ __align__(16) uint8_t shared[];
  const int64_t v = blockIdx.y;
  const Augmentation& a = staged_view(all, v);
  const int first = int(blockIdx.x) * kRows, rows = min(kRows, size - first), stride = 3 * size,
            packs = stride / kBytes;
  const int target = a.vflip ? size - first - rows : first;  // the first row that the block writes
  uint8_t* view = views + v * size * stride;
  uint8_t* to = view + int64_t(target) * stride;
  uint8_t* result = shared + skew(to);
  const int* window = tables.first + (v * 2 + 1) * size;
  const int* counts = tables.count + (v * 2 + 1) * size;
  const int32_t* weights = tables.weight + (v * 2 + 1) * taps * size;
  for (int i = threadIdx.x; i < rows * packs; i += kThreads) {
    const int row = i / packs, col = i % packs * kBytes, at = first + row, count = counts[at];
    const uint8_t* from = between + a.between + int64_t(window[at] - a.first_row) * stride + col;
    int sum[kBytes];
#pragma unroll
    for (int k = 0; k < kBytes; ++k) sum[k] = 1 << (kResizeBits - 1);
    for (int k = 0; k < count; ++k, from += stride) {
      const int32_t w = weights[int64_t(k) * size + at];
      const auto bytes = load_bytes<kBytes>(from);
#pragma unroll
      for (int j = 0; j < kBytes; ++j) sum[j] += bytes[j] * w;
    }
    Pack<uint8_t, kBytes> bytes;
#pragma unroll
    for (int k = 0; k < kBytes; ++k) bytes[k] = resized_byte(sum[k]);
    *reinterpret_cast<Pack<uint8_t, kBytes>*>(result + (a.vflip ? rows - 1 - row : row) * stride + col) = bytes;
  }
  sync_block();

  const int contrast = index_of(a, Augmentation::contrast);
  if (contrast < a.steps) {
    unsigned total = 0;
    for (int i = threadIdx.x; i < rows * size; i += kThreads) {
      const Rgb p = stepped(a, 0, contrast, 0, {result[3 * i], result[3 * i + 1], result[3 * i + 2]});
      total += unsigned(gray_level(p.r, p.g, p.b));
    }
    __syncwarp();
    total = warp_reduce(total);
    if (threadIdx.x % kWarp == 0) atomicAdd(sums + v, total);
  }

  if (!a.rotate) {
    copy_run(to, result, rows * stride, threadIdx.x, kThreads);
  } else {
    for (int i = threadIdx.x; i < rows * size; i += kThreads) {
      uint8_t* turned = view + (int64_t(size - 1 - i % size) * size + target + i / size) * 3;
      for (int c = 0; c < 3; ++c) turned[c] = result[3 * i + c];
    }
  }
}

struct Affine {
  float scale[3], bias[3];
};

// `n` bytes of views from byte `at` on, a multiple of 3, normalised.
__device__ void write_out(float* out, int64_t at, const uint8_t* x, int n, const Affine& affine) {
  out += at;
  auto value = [&](int i) {
    const int c = i % 3;
    return float(x[i]) * (c == 0   ? affine.scale[0]
                          : c == 1 ? affine.scale[1]
                                   : affine.scale[2]) +
           (c == 0   ? affine.bias[0]
            : c == 1 ? affine.bias[1]
                     : affine.bias[2]);
  };
  const int packs = skew(out) == 0 ? n / 4 : 0;
  for (int i = threadIdx.x; i < packs; i += kThreads)
    store_pack(out + 4 * i, Pack<float, 4>{{value(4 * i), value(4 * i + 1), value(4 * i + 2), value(4 * i + 3)}});
  for (int i = 4 * packs + threadIdx.x; i < n; i += kThreads) out[i] = value(i);
}

__global__ void colour_kernel(uint8_t* bytes, const Augmentation* views, int size, const unsigned long long* sums,
                              const __grid_constant__ Affine affine, float* out) {
  __shared__ __align__(16) uint8_t shared[kChunk + 16];
  const int64_t v = blockIdx.y, all = int64_t(size) * size * 3, at = int64_t(blockIdx.x) * kChunk;
  const int n = int(min(all - at, int64_t(kChunk)));
  const Augmentation& a = staged_view(views, v);
  uint8_t* from = bytes + v * all + at;
  uint8_t* x = shared + skew(from);
  copy_run(x, from, n, threadIdx.x, kThreads);
  sync_block();
  const int blur = index_of(a, Augmentation::blur);
  const int mean = int(double(sums[v]) / double(int64_t(size) * size) + 0.5);
  step_all(a, 0, blur, mean, x, n / 3);
  if (blur == a.steps)
    write_out(out, v * all + at, x, n, affine);
  else if (blur > 0)
    copy_run(from, x, n, threadIdx.x, kThreads);
}

__device__ int reflected(int i, int size) {
  return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
}

// Lines of floats with 3 * radius more at both ends; what is copied to them is aligned to 16 bytes.
__host__ __device__ int blur_margin(int radius) {
  return ceil_div(3 * radius, 4) * 4;
}
__host__ __device__ int blur_line(int size, int radius) {
  return ceil_div(3 * size, 4) * 4 + 2 * blur_margin(radius);
}

// Shared memory: block_rows results, to a multiple of 16 bytes, and as many lines. kBytes divides 3 * size.
template <int kBytes>
__global__ void blur_kernel(const uint8_t* bytes, const Augmentation* views, const float* all_weights, int size,
                            int block_rows, const __grid_constant__ Affine affine, float* out) {
  extern __shared__ __align__(16) uint8_t shared[];
  const int64_t v = blockIdx.y;
  const Augmentation& a = staged_view(views, v);
  const int blur = index_of(a, Augmentation::blur);
  if (blur == a.steps) return;
  const int first = int(blockIdx.x) * block_rows, rows = min(block_rows, size - first), stride = 3 * size;
  const int radius = a.radius, margin = blur_margin(radius), line = blur_line(size, radius), packs = stride / kBytes;
  const float* weights = all_weights + a.weights;
  const uint8_t* view = bytes + v * size * stride;
  const int64_t at = (v * size + first) * stride;
  float* lines = reinterpret_cast<float*>(shared + ceil_div(block_rows * stride, 16) * 16);
  uint8_t* result = shared;

  for (int i = threadIdx.x; i < rows * packs; i += kThreads) {
    const int row = i / packs, col = i % packs * kBytes;
    auto load = [&](int y) {
      return load_bytes<kBytes>(view + int64_t(reflected(first + row + y, size)) * stride + col);
    };
    float sum[kBytes];
    const auto centre = load(0);
#pragma unroll
    for (int j = 0; j < kBytes; ++j) sum[j] = float(centre[j]) * weights[0];
    for (int k = 1; k <= radius; ++k) {
      const auto above = load(-k), below = load(k);
#pragma unroll
      for (int j = 0; j < kBytes; ++j) sum[j] += float(int(above[j]) + int(below[j])) * weights[k];
    }
    Pack<float, kBytes> pack;
#pragma unroll
    for (int j = 0; j < kBytes; ++j) pack[j] = sum[j];
    *reinterpret_cast<Pack<float, kBytes>*>(lines + row * line + margin + col) = pack;
  }
  sync_block();
  for (int i = threadIdx.x; i < rows * 6 * radius; i += kThreads) {
    const int row = i / (6 * radius), k = i % (6 * radius),
              pixel = k / 3 < radius ? k / 3 - radius : size + k / 3 - radius;
    float* own = lines + row * line + margin;
    own[3 * pixel + k % 3] = own[3 * reflected(pixel, size) + k % 3];
  }
  sync_block();
  for (int i = threadIdx.x; i < rows * stride; i += kThreads) {
    const float* in = lines + i / stride * line + margin + i % stride;
    float sum = in[0] * weights[0];
    for (int k = 1; k <= radius; ++k) sum += (in[-3 * k] + in[3 * k]) * weights[k];
    result[i] = clamp_byte(rintf(sum));
  }
  sync_block();
  step_all(a, blur + 1, a.steps, 0, result, rows * size);
  write_out(out, at, result, rows * stride, affine);
}

template <int kBytes>
void run(Cuda& ctx, const AugmentWork& work, const uint8_t* pixels, const Augmentation* views, const float* weights,
         const Affine& affine, float* out) {
  const int size = work.size, stride = 3 * size;
  const unsigned n = unsigned(work.views);
  DeviceScratch scratch(ctx);
  const size_t positions = size_t(n) * 2 * size_t(size);
  const Tables tables{scratch.take<int>(positions), scratch.take<int>(positions),
                      scratch.take<int32_t>(positions * size_t(work.taps))};
  auto* sums = scratch.take<unsigned long long>(n);
  auto* between = scratch.take<uint8_t>(size_t(work.between));
  auto* bytes = scratch.take<uint8_t>(size_t(n) * size_t(size) * size_t(stride));

  launch(ctx, table_kernel, dim3(unsigned(ceil_div(2 * size, 128)), n), 128, 0, views, size, work.taps, tables, sums);
  const int staged =
      work.row_bytes + 16 <= kStagedBytes / kRows ? int(ceil_div<int64_t>(work.row_bytes + 16, 16) * 16) : 0;
  const size_t results = size_t(kRows) * size_t(stride) + 16;
  launch(ctx, rows_kernel, dim3(unsigned(ceil_div(work.rows, kRows)), n), kThreads, size_t(kRows * staged) + results,
         pixels, views, size, work.taps, staged, tables, between);
  launch(ctx, columns_kernel<kBytes>, dim3(unsigned(ceil_div(size, kRows)), n), kThreads, results,
         static_cast<const uint8_t*>(between), views, size, work.taps, tables, bytes, sums);
  launch(ctx, colour_kernel, dim3(unsigned(ceil_div<int64_t>(int64_t(size) * stride, kChunk)), n), kThreads, 0, bytes,
         views, size, static_cast<const unsigned long long*>(sums), affine, out);
  if (work.radius < 0) return;
  const size_t row = size_t(stride) + size_t(blur_line(size, work.radius)) * sizeof(float);
  const int rows = int(std::clamp<size_t>(48 * 1024 / row, 1, kRows));
  launch(ctx, blur_kernel<(kBytes == 16 ? 4 : 1)>, dim3(unsigned(ceil_div(size, rows)), n), kThreads,
         size_t(rows) * row + 16, static_cast<const uint8_t*>(bytes), views, weights, size, rows, affine, out);
}

}  // namespace

void augment(Cuda& ctx, const AugmentWork& work, const uint8_t* pixels, const Augmentation* views, const float* weights,
             const float* scale, const float* bias, float* out) {
  const Affine affine{{scale[0], scale[1], scale[2]}, {bias[0], bias[1], bias[2]}};
  if (work.size * 3 % 16 == 0)
    run<16>(ctx, work, pixels, views, weights, affine, out);
  else
    run<1>(ctx, work, pixels, views, weights, affine, out);
}

}  // namespace fovea::kernels
