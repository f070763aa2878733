#include <fovea/kernels/base/onednn.h>

#include <algorithm>
#include <stdexcept>

#include <fovea/kernels/isa.h>
#include <fovea/kernels/scratch.h>

namespace fovea::kernels::onednn {

using dnnl::algorithm;
using dnnl::prop_kind;

const dnnl::engine& engine() {
  static const dnnl::engine cpu_engine = [] {
    if (isa() == Isa::avx2) dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2);
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return cpu_engine;
}

static dnnl::stream& stream() {
  thread_local dnnl::stream s(engine());
  return s;
}

template <>
bool usable<float>() {
  return isa() != Isa::plain;
}
template <>
bool usable<bf16>() {
  return isa() == Isa::avx512;
}

bool has_bf16_units() {
  if (isa() != Isa::avx512) return false;
  dnnl::cpu_isa best = dnnl::get_effective_cpu_isa();
  return best == dnnl::cpu_isa::avx512_core_bf16 || best == dnnl::cpu_isa::avx512_core_amx;
}

Desc row_major(const Dims& dims, Type type) {
  Dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<int64_t>(dims[i], 1);
  return {dims, type, strides};
}

static dnnl::primitive_attr attributes(Epilogue epilogue) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (epilogue == Epilogue::none) return attr;
  algorithm function = epilogue == Epilogue::relu ? algorithm::eltwise_relu : algorithm::eltwise_gelu_erf;
  dnnl::post_ops ops;
#if DNNL_VERSION_MAJOR >= 3
  ops.append_eltwise(function, 0, 0);
#else
  ops.append_eltwise(1, function, 0, 0);
#endif
  attr.set_post_ops(ops);
  return attr;
}

#if DNNL_VERSION_MAJOR >= 3

dnnl::matmul::primitive_desc matmul(const Desc& src, const Desc& weights, const Desc& bias, const Desc& dst,
                                    Epilogue epilogue) {
  return {engine(), src, weights, bias, dst, attributes(epilogue)};
}

dnnl::convolution_forward::primitive_desc convolution(const Desc& src, const Desc& weights, const Desc& bias,
                                                      const Desc& dst, const ConvolutionDims& sizes,
                                                      Epilogue epilogue) {
  return {engine(),
          prop_kind::forward_training,
          algorithm::convolution_direct,
          src,
          weights,
          bias,
          dst,
          sizes.strides,
          sizes.dilations,
          sizes.padding_low,
          sizes.padding_high,
          attributes(epilogue)};
}

template <class Primitive>
typename Primitive::primitive_desc convolution_backward(const Desc& first, const Desc& second, const Desc& third,
                                                        const ConvolutionDims& sizes,
                                                        const dnnl::convolution_forward::primitive_desc& forward) {
  return {engine(),
          algorithm::convolution_direct,
          first,
          second,
          third,
          sizes.strides,
          sizes.dilations,
          sizes.padding_low,
          sizes.padding_high,
          forward,
          attributes(Epilogue::none)};
}

#else

dnnl::matmul::primitive_desc matmul(const Desc& src, const Desc& weights, const Desc& bias, const Desc& dst,
                                    Epilogue epilogue) {
  return {{src, weights, bias, dst}, attributes(epilogue), engine()};
}

dnnl::convolution_forward::primitive_desc convolution(const Desc& src, const Desc& weights, const Desc& bias,
                                                      const Desc& dst, const ConvolutionDims& sizes,
                                                      Epilogue epilogue) {
  return {{prop_kind::forward_training, algorithm::convolution_direct, src, weights, bias, dst, sizes.strides,
           sizes.dilations, sizes.padding_low, sizes.padding_high},
          attributes(epilogue),
          engine()};
}

template <class Primitive>
typename Primitive::primitive_desc convolution_backward(const Desc& first, const Desc& second, const Desc& third,
                                                        const ConvolutionDims& sizes,
                                                        const dnnl::convolution_forward::primitive_desc& forward) {
  return {{algorithm::convolution_direct, first, second, third, sizes.strides, sizes.dilations, sizes.padding_low,
           sizes.padding_high},
          attributes(Epilogue::none),
          engine(),
          forward};
}

#endif

template dnnl::convolution_backward_data::primitive_desc convolution_backward<dnnl::convolution_backward_data>(
    const Desc&, const Desc&, const Desc&, const ConvolutionDims&, const dnnl::convolution_forward::primitive_desc&);
template dnnl::convolution_backward_weights::primitive_desc convolution_backward<dnnl::convolution_backward_weights>(
    const Desc&, const Desc&, const Desc&, const ConvolutionDims&, const dnnl::convolution_forward::primitive_desc&);

static dnnl::memory wrap(const Desc& desc, const void* data) {
  return {desc, engine(), const_cast<void*>(data)};
}

void run(const Primitive& primitive, std::initializer_list<Arg> args) {
  Scratch scratch;
  std::unordered_map<int, dnnl::memory> memory;
  for (const Arg& arg : args) memory.emplace(arg.index, wrap(arg.desc, arg.data));
  if (size_t size = primitive.scratchpad.get_size())
    memory.emplace(DNNL_ARG_SCRATCHPAD, wrap(primitive.scratchpad, scratch.bytes(size)));
  primitive.primitive.execute(stream(), memory);
  stream().wait();
}

void reorder(const Desc& from_desc, const void* from, const Desc& to_desc, void* to) {
  dnnl::memory source = wrap(from_desc, from), target = wrap(to_desc, to);
  dnnl::reorder(source, target).execute(stream(), source, target);
  stream().wait();
}

Key::Key(std::initializer_list<int64_t> numbers) {
  if (numbers.size() >= numbers_.size()) throw std::length_error("oneDNN cache key: too many numbers");
  std::copy(numbers.begin(), numbers.end(), numbers_.begin());
  numbers_.back() = threads();
}

size_t Key::hash() const {
  uint64_t h = 0x9E3779B97F4A7C15u;
  for (int64_t number : numbers_) h = (h ^ uint64_t(number)) * 0xff51afd7ed558ccdu, h ^= h >> 32;
  return size_t(h);
}

}  // namespace fovea::kernels::onednn
