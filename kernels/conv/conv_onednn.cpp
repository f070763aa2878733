#include <fovea/kernels/conv/conv_onednn.h>

#include <fovea/kernels/base/onednn.h>
#include <fovea/kernels/scratch.h>

// Activations go in and out as they lie, in NHWC. oneDNN picks the layout of the weights; they are small, and are
// reordered (and converted to bf16) on each call.
namespace fovea::kernels::onednn {
namespace {

struct Convolution {
  Primitive run;
  Desc weights;  // in the layout that `run` wants
};

Desc activations(int64_t n, int64_t h, int64_t w, int64_t c, Type type) {
  return strided({n, c, h, w}, type, {h * w * c, 1, w * c, c});
}
Desc input(const Conv2dShape& s, Type type) {
  return activations(s.n, s.h, s.w, s.c, type);
}
Desc output(const Conv2dShape& s, Type type) {
  return activations(s.n, s.out_h(), s.out_w(), s.k, type);
}

Dims weight_dims(const Conv2dShape& s) {
  if (s.groups == 1) return {s.k, s.c, s.kh, s.kw};
  return {s.groups, s.k / s.groups, s.c / s.groups, s.kh, s.kw};
}
// The framework's layout: O, kh, kw, I / groups.
Desc master_weights(const Conv2dShape& s) {
  int64_t c = s.c / s.groups, o = s.kh * s.kw * c;
  if (s.groups == 1) return strided(weight_dims(s), Type::f32, {o, 1, s.kw * c, c});
  return strided(weight_dims(s), Type::f32, {s.k / s.groups * o, o, 1, s.kw * c, c});
}
Desc bias_desc(const Conv2dShape& s) {
  return row_major({s.k}, Type::f32);
}

// oneDNN wants the padding that the last output position really reaches on the far side.
ConvolutionDims sizes(const Conv2dShape& s) {
  auto far = [](int64_t size, int64_t out, int64_t stride, int64_t pad, int64_t dilation, int64_t kernel) {
    return (out - 1) * stride + dilation * (kernel - 1) + 1 - size - pad;
  };
  return {{s.stride_h, s.stride_w},
          {s.dilation_h - 1, s.dilation_w - 1},
          {s.pad_h, s.pad_w},
          {far(s.h, s.out_h(), s.stride_h, s.pad_h, s.dilation_h, s.kh),
           far(s.w, s.out_w(), s.stride_w, s.pad_w, s.dilation_w, s.kw)}};
}

Key key(const Conv2dShape& s, Type type, bool bias = false, Epilogue epilogue = Epilogue::none) {
  return {s.n,     s.h,     s.w,          s.c,          s.k,      s.kh,          s.kw, s.stride_h,       s.stride_w,
          s.pad_h, s.pad_w, s.dilation_h, s.dilation_w, s.groups, int64_t(type), bias, int64_t(epilogue)};
}

// Whether no output reads some rows between others. There oneDNN's forward kernels for AMX (2.6) leave part of their
// input buffers as they were: what comes out depends on which thread had which rows before.
bool skips_rows(const Conv2dShape& s) {
  const bool plain = s.kh == 1 && s.kw == 1 && s.pad_h == 0 && s.pad_w == 0;  // has kernels of its own, which are sound
  return s.stride_h > s.dilation_h * (s.kh - 1) + 1 && !plain;
}

dnnl::convolution_forward::primitive_desc forward_desc(const Conv2dShape& s, Type type, bool bias = false,
                                                       Epilogue epilogue = Epilogue::none) {
  return convolution(input(s, type), any(weight_dims(s), type), bias ? bias_desc(s) : Desc(), output(s, type), sizes(s),
                     epilogue);
}

}  // namespace

template <class T>
bool conv_forward(const Conv2dShape& s, const T* x, const float* weight, const float* bias, Epilogue epilogue, T* y) {
  if (!usable<T>() || (type_of<T> == Type::bf16 && skips_rows(s))) return false;
  static Cache<Convolution> cache;
  constexpr Type type = type_of<T>;
  auto entry = cache.get(key(s, type, bias != nullptr, epilogue), [&] {
    auto desc = forward_desc(s, type, bias != nullptr, epilogue);
    return Convolution{primitive<dnnl::convolution_forward>(desc), desc.weights_desc()};
  });
  Scratch scratch;
  void* weights = scratch.bytes(entry->weights.get_size());
  reorder(master_weights(s), weight, entry->weights, weights);
  Arg source{DNNL_ARG_SRC, input(s, type), x}, weights_arg{DNNL_ARG_WEIGHTS, entry->weights, weights};
  Arg target{DNNL_ARG_DST, output(s, type), y};
  if (bias)
    run(entry->run, {source, weights_arg, {DNNL_ARG_BIAS, bias_desc(s), bias}, target});
  else
    run(entry->run, {source, weights_arg, target});
  return true;
}

template <class T>
bool conv_backward_data(const Conv2dShape& s, const T* dy, const float* weight, T* dx) {
  if (!usable<T>()) return false;
  static Cache<Convolution> cache;
  constexpr Type type = type_of<T>;
  auto entry = cache.get(key(s, type), [&] {
    auto desc = convolution_backward<dnnl::convolution_backward_data>(input(s, type), any(weight_dims(s), type),
                                                                      output(s, type), sizes(s), forward_desc(s, type));
    return Convolution{primitive<dnnl::convolution_backward_data>(desc), desc.weights_desc()};
  });
  Scratch scratch;
  void* weights = scratch.bytes(entry->weights.get_size());
  reorder(master_weights(s), weight, entry->weights, weights);
  run(entry->run, {{DNNL_ARG_DIFF_DST, output(s, type), dy},
                   {DNNL_ARG_WEIGHTS, entry->weights, weights},
                   {DNNL_ARG_DIFF_SRC, input(s, type), dx}});
  return true;
}

template <class T>
bool conv_backward_weights(const Conv2dShape& s, const T* x, const T* dy, float* dweight) {
  // oneDNN 2.6 on AVX2: its 1x1 kernel for strides gives other sums each time where channels do not fill a vector.
  const bool strided = s.stride_h > 1 || s.stride_w > 1;
  if (!usable<T>() || (type_of<T> == Type::f32 && strided && s.kh == 1 && s.kw == 1)) return false;
  static Cache<Convolution> cache;
  constexpr Type type = type_of<T>;
  auto entry = cache.get(key(s, type), [&] {
    auto desc = convolution_backward<dnnl::convolution_backward_weights>(
        input(s, type), any(weight_dims(s), Type::f32), output(s, type), sizes(s), forward_desc(s, type));
    return Convolution{primitive<dnnl::convolution_backward_weights>(desc), desc.diff_weights_desc()};
  });
  Scratch scratch;
  void* weights = scratch.bytes(entry->weights.get_size());
  run(entry->run, {{DNNL_ARG_SRC, input(s, type), x},
                   {DNNL_ARG_DIFF_WEIGHTS, entry->weights, weights},
                   {DNNL_ARG_DIFF_DST, output(s, type), dy}});
  reorder(entry->weights, weights, master_weights(s), dweight);
  return true;
}

template bool conv_forward(const Conv2dShape&, const float*, const float*, const float*, Epilogue, float*);
template bool conv_forward(const Conv2dShape&, const bf16*, const float*, const float*, Epilogue, bf16*);
template bool conv_backward_data(const Conv2dShape&, const float*, const float*, float*);
template bool conv_backward_data(const Conv2dShape&, const bf16*, const float*, bf16*);
template bool conv_backward_weights(const Conv2dShape&, const float*, const float*, float*);
template bool conv_backward_weights(const Conv2dShape&, const bf16*, const bf16*, float*);

}  // namespace fovea::kernels::onednn
