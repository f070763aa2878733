#include <fovea/kernels/conv.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <type_traits>

#include <fovea/kernels/conv/conv_blocks.h>
#include <fovea/kernels/conv/conv_columns.h>
#include <fovea/kernels/conv/conv_winograd.h>
#include <fovea/kernels/copy.h>
#include <fovea/kernels/scratch.h>
#ifdef FOVEA_ONEDNN
#include <fovea/kernels/conv/conv_onednn.h>
#endif

namespace fovea::kernels {
namespace {

std::atomic<int> exact_users = 0;

// The input rows or columns that one output position reads: taps [begin, end) of the kernel, the first at `start`.
struct Taps {
  int64_t begin, end, start;
  Taps(int64_t out, int64_t stride, int64_t pad, int64_t dilation, int64_t kernel, int64_t size) {
    start = out * stride - pad;
    begin = start < 0 ? std::min(kernel, (-start + dilation - 1) / dilation) : 0;
    end = std::clamp(size > start ? (size - 1 - start) / dilation + 1 : 0, begin, kernel);
  }
};

Taps taps_h(const Conv2dShape& s, int64_t i) {
  return {i, s.stride_h, s.pad_h, s.dilation_h, s.kh, s.h};
}
Taps taps_w(const Conv2dShape& s, int64_t j) {
  return {j, s.stride_w, s.pad_w, s.dilation_w, s.kw, s.w};
}

int64_t work(const Conv2dShape& s) {
  return s.n * s.out_h() * s.out_w() * s.k * s.kh * s.kw * (s.c / s.groups);
}

template <class T>
void direct_forward(const Conv2dShape& s, const T* x, const T* weight, const T* bias, Epilogue epilogue, T* y) {
  int64_t oh = s.out_h(), ow = s.out_w(), cg = s.c / s.groups, kg = s.k / s.groups;
#pragma omp parallel for collapse(2) if (work(s) > kParallelGrain)
  for (int64_t n = 0; n < s.n; ++n)
    for (int64_t i = 0; i < oh; ++i)
      for (int64_t j = 0; j < ow; ++j) {
        Taps rows = taps_h(s, i), columns = taps_w(s, j);
        for (int64_t o = 0; o < s.k; ++o) {
          T sum = bias ? bias[o] : T(0);
          for (int64_t r = rows.begin; r < rows.end; ++r)
            for (int64_t q = columns.begin; q < columns.end; ++q) {
              const T* pixel =
                  x + ((n * s.h + rows.start + r * s.dilation_h) * s.w + columns.start + q * s.dilation_w) * s.c +
                  o / kg * cg;
              const T* tap = weight + ((o * s.kh + r) * s.kw + q) * cg;
              T dot = 0;
#pragma omp simd reduction(+ : dot)
              for (int64_t c = 0; c < cg; ++c) dot += pixel[c] * tap[c];
              sum += dot;
            }
          y[((n * oh + i) * ow + j) * s.k + o] = epilogue == Epilogue::relu && sum < 0 ? T(0) : sum;
        }
      }
}

template <class T>
void direct_backward_data(const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  int64_t oh = s.out_h(), ow = s.out_w(), cg = s.c / s.groups, kg = s.k / s.groups;
  int64_t image = s.h * s.w * s.c;
#pragma omp parallel for collapse(2) if (work(s) > kParallelGrain)
  for (int64_t n = 0; n < s.n; ++n)
    for (int64_t g = 0; g < s.groups; ++g) {  // no two iterations write to the same elements
      for (int64_t p = 0; p < s.h * s.w; ++p) std::fill_n(dx + n * image + p * s.c + g * cg, cg, T(0));
      for (int64_t i = 0; i < oh; ++i)
        for (int64_t j = 0; j < ow; ++j) {
          Taps rows = taps_h(s, i), columns = taps_w(s, j);
          for (int64_t o = g * kg; o < (g + 1) * kg; ++o) {
            T gradient = dy[((n * oh + i) * ow + j) * s.k + o];
            for (int64_t r = rows.begin; r < rows.end; ++r)
              for (int64_t q = columns.begin; q < columns.end; ++q) {
                T* pixel = dx + n * image +
                           ((rows.start + r * s.dilation_h) * s.w + columns.start + q * s.dilation_w) * s.c + g * cg;
                const T* tap = weight + ((o * s.kh + r) * s.kw + q) * cg;
#pragma omp simd
                for (int64_t c = 0; c < cg; ++c) pixel[c] += gradient * tap[c];
              }
          }
        }
    }
}

template <class T>
void direct_backward_weights(const Conv2dShape& s, const T* x, const T* dy, T* dweight) {
  int64_t oh = s.out_h(), ow = s.out_w(), cg = s.c / s.groups, kg = s.k / s.groups;
#pragma omp parallel for if (work(s) > kParallelGrain)
  for (int64_t o = 0; o < s.k; ++o) {  // one output channel's weights are summed by one thread, in one order
    std::fill_n(dweight + o * s.kh * s.kw * cg, s.kh * s.kw * cg, T(0));
    for (int64_t n = 0; n < s.n; ++n)
      for (int64_t i = 0; i < oh; ++i)
        for (int64_t j = 0; j < ow; ++j) {
          Taps rows = taps_h(s, i), columns = taps_w(s, j);
          T gradient = dy[((n * oh + i) * ow + j) * s.k + o];
          for (int64_t r = rows.begin; r < rows.end; ++r)
            for (int64_t q = columns.begin; q < columns.end; ++q) {
              const T* pixel =
                  x + ((n * s.h + rows.start + r * s.dilation_h) * s.w + columns.start + q * s.dilation_w) * s.c +
                  o / kg * cg;
              T* tap = dweight + ((o * s.kh + r) * s.kw + q) * cg;
#pragma omp simd
              for (int64_t c = 0; c < cg; ++c) tap[c] += gradient * pixel[c];
            }
        }
  }
}

int64_t input_size(const Conv2dShape& s) {
  return s.n * s.h * s.w * s.c;
}
int64_t output_size(const Conv2dShape& s) {
  return s.n * s.out_h() * s.out_w() * s.k;
}
int64_t weight_size(const Conv2dShape& s) {
  return s.k * s.kh * s.kw * (s.c / s.groups);
}

// bf16 values as float, for CPUs without bf16 kernels.
const float* widened(Cpu& context, Scratch& scratch, const bf16* x, int64_t n) {
  float* wide = scratch.take<float>(size_t(n));
  cast(context, x, wide, n);
  return wide;
}

bool use_winograd(const Conv2dShape& s) {
  return !conv_exact() && winograd::pays(s);
}

}  // namespace

ConvExact::ConvExact() {
  ++exact_users;
}
ConvExact::~ConvExact() {
  --exact_users;
}
bool conv_exact() {
  return exact_users > 0;
}

template <class T>
void conv2d_forward(Cpu& context, const Conv2dShape& s, const T* x, const accumulator_t<T>* weight,
                    const accumulator_t<T>* bias, T* y, Epilogue epilogue) {
  if (epilogue == Epilogue::gelu)
    throw std::runtime_error("conv2d: want relu or nothing behind a convolution, got gelu");
  if (output_size(s) == 0) return;
  if constexpr (std::is_same_v<T, float>)
    if (use_winograd(s)) return winograd::forward(s, x, weight, bias, epilogue, y);
  if constexpr (std::is_same_v<T, float>)
    if (blocks::pays(s)) return blocks::forward(s, x, weight, bias, epilogue, y);
  if constexpr (std::is_same_v<T, bf16>)
    if (columns::pays(s)) return columns::forward(s, x, weight, bias, epilogue, y);
#ifdef FOVEA_ONEDNN
  if constexpr (!std::is_same_v<T, double>)
    if (onednn::conv_forward(s, x, weight, bias, epilogue, y)) return;
#endif
  if constexpr (std::is_same_v<T, bf16>) {
    Scratch scratch;
    float* wide = scratch.take<float>(size_t(output_size(s)));
    conv2d_forward<float>(context, s, widened(context, scratch, x, input_size(s)), weight, bias, wide, epilogue);
    cast(context, wide, y, output_size(s));
  } else {
    if constexpr (std::is_same_v<T, float>)
      if (s.groups == 1) return blocks::forward(s, x, weight, bias, epilogue, y);
    direct_forward(s, x, weight, bias, epilogue, y);
  }
}

template <class T>
void conv2d_backward_data(Cpu& context, const Conv2dShape& s, const T* dy, const accumulator_t<T>* weight, T* dx) {
  if (input_size(s) == 0) return;
  if constexpr (std::is_same_v<T, float>)
    if (use_winograd(s)) return winograd::backward_data(s, dy, weight, dx);
  if constexpr (std::is_same_v<T, float>)
    if (blocks::pays(s)) return blocks::backward_data(s, dy, weight, dx);
  if constexpr (std::is_same_v<T, bf16>)
    if (columns::pays(s)) return columns::backward_data(s, dy, weight, dx);
#ifdef FOVEA_ONEDNN
  if constexpr (!std::is_same_v<T, double>)
    if (onednn::conv_backward_data(s, dy, weight, dx)) return;
#endif
  if constexpr (std::is_same_v<T, bf16>) {
    Scratch scratch;
    float* wide = scratch.take<float>(size_t(input_size(s)));
    conv2d_backward_data<float>(context, s, widened(context, scratch, dy, output_size(s)), weight, wide);
    cast(context, wide, dx, input_size(s));
  } else {
    if constexpr (std::is_same_v<T, float>)
      if (s.groups == 1) return blocks::backward_data(s, dy, weight, dx);
    direct_backward_data(s, dy, weight, dx);
  }
}

template <class T>
void conv2d_backward_weights(Cpu& context, const Conv2dShape& s, const T* x, const T* dy, accumulator_t<T>* dweight) {
  if (output_size(s) == 0 || s.c == 0) {
    std::fill_n(dweight, weight_size(s), accumulator_t<T>(0));
    return;
  }
  if constexpr (std::is_same_v<T, float>)
    if (use_winograd(s)) return winograd::backward_weights(s, x, dy, dweight);
  if constexpr (std::is_same_v<T, float>)
    if (blocks::pays_backward_weights(s)) return blocks::backward_weights(s, x, dy, dweight);
  if constexpr (std::is_same_v<T, bf16>)
    if (columns::pays_backward_weights(s)) return columns::backward_weights(s, x, dy, dweight);
#ifdef FOVEA_ONEDNN
  if constexpr (!std::is_same_v<T, double>)
    if (onednn::conv_backward_weights(s, x, dy, dweight)) return;
#endif
  if constexpr (std::is_same_v<T, bf16>) {
    Scratch scratch;
    const float* wide = widened(context, scratch, x, input_size(s));
    conv2d_backward_weights<float>(context, s, wide, widened(context, scratch, dy, output_size(s)), dweight);
  } else {
    if constexpr (std::is_same_v<T, float>)
      if (s.groups == 1) return blocks::backward_weights(s, x, dy, dweight);
    direct_backward_weights(s, x, dy, dweight);
  }
}

template void conv2d_forward(Cpu&, const Conv2dShape&, const float*, const float*, const float*, float*, Epilogue);
template void conv2d_backward_data(Cpu&, const Conv2dShape&, const float*, const float*, float*);
template void conv2d_backward_weights(Cpu&, const Conv2dShape&, const float*, const float*, float*);
template void conv2d_forward(Cpu&, const Conv2dShape&, const double*, const double*, const double*, double*, Epilogue);
template void conv2d_backward_data(Cpu&, const Conv2dShape&, const double*, const double*, double*);
template void conv2d_backward_weights(Cpu&, const Conv2dShape&, const double*, const double*, double*);
template void conv2d_forward(Cpu&, const Conv2dShape&, const bf16*, const float*, const float*, bf16*, Epilogue);
template void conv2d_backward_data(Cpu&, const Conv2dShape&, const bf16*, const float*, bf16*);
template void conv2d_backward_weights(Cpu&, const Conv2dShape&, const bf16*, const bf16*, float*);

}  // namespace fovea::kernels
