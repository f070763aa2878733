#pragma once

// Private to kernels/*.cpp: oneDNN in one spelling for its 2.x and 3.x interfaces.
#include <array>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>
#include <fovea/kernels/matmul.h>

namespace fovea::kernels::onednn {

using Dims = dnnl::memory::dims;
using Desc = dnnl::memory::desc;
using Type = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;

template <class T>
inline constexpr Type type_of = Type::undef;
template <>
inline constexpr Type type_of<float> = Type::f32;
template <>
inline constexpr Type type_of<bf16> = Type::bf16;

const dnnl::engine& engine();

// False where this CPU has no kernels worth calling for the type: bf16 needs AVX-512. FOVEA_ISA (isa.h) binds oneDNN.
template <class T>
bool usable() = delete;
template <>
bool usable<float>();
template <>
bool usable<bf16>();

// True where bf16 products are at least twice as fast as float's.
bool has_bf16_units();

// Row-major dims; dims with strides of their own (transposed operands); a layout that oneDNN may choose.
Desc row_major(const Dims& dims, Type type);
inline Desc strided(const Dims& dims, Type type, const Dims& strides) {
  return {dims, type, strides};
}
inline Desc tagged(const Dims& dims, Type type, Tag tag) {
  return {dims, type, tag};
}
inline Desc any(const Dims& dims, Type type) {
  return {dims, type, Tag::any};
}

// A primitive and how much scratch memory its runs take. Cheap to copy, safe to run from several threads.
struct Primitive {
  dnnl::primitive primitive;
  Desc scratchpad;
};

// dst = src weights + bias; bias may be a default Desc. Leading dimensions are batches.
dnnl::matmul::primitive_desc matmul(const Desc& src, const Desc& weights, const Desc& bias, const Desc& dst,
                                    Epilogue epilogue = Epilogue::none);

// Sizes of a convolution as oneDNN counts them: dilation 0 is dense.
struct ConvolutionDims {
  Dims strides, dilations, padding_low, padding_high;
};
dnnl::convolution_forward::primitive_desc convolution(const Desc& src, const Desc& weights, const Desc& bias,
                                                      const Desc& dst, const ConvolutionDims& sizes,
                                                      Epilogue epilogue = Epilogue::none);
template <class Primitive>
typename Primitive::primitive_desc convolution_backward(const Desc& first, const Desc& second, const Desc& third,
                                                        const ConvolutionDims& sizes,
                                                        const dnnl::convolution_forward::primitive_desc& forward);

// The runnable form of a primitive_desc that the functions above made.
template <class P>
Primitive primitive(const typename P::primitive_desc& description) {
  return {P(description), description.scratchpad_desc()};
}

struct Arg {
  int index;  // DNNL_ARG_SRC, ...
  Desc desc;
  const void* data;
};
// Runs to completion with the scratch memory of the calling thread.
void run(const Primitive& primitive, std::initializer_list<Arg> args);

// Copies between two layouts or types of the same dims. Both may be the same desc.
void reorder(const Desc& from_desc, const void* from, const Desc& to_desc, void* to);

// Up to 32 numbers that tell two primitives of a Cache apart; the thread count is one of them, as oneDNN divides the
// work when a primitive is made.
class Key {
 public:
  Key(std::initializer_list<int64_t> numbers);
  bool operator==(const Key&) const = default;
  size_t hash() const;

 private:
  std::array<int64_t, 33> numbers_{};
};

// Entries by key, made on first use. Making a primitive takes a third of a millisecond, finding it a microsecond.
// Beyond kCapacity entries the cache starts again from nothing.
template <class Entry>
class Cache {
 public:
  template <class Make>
  std::shared_ptr<const Entry> get(const Key& key, const Make& make) {
    std::lock_guard lock(mutex_);
    auto found = entries_.find(key);
    if (found != entries_.end()) return found->second;
    auto entry = std::make_shared<const Entry>(make());
    if (entries_.size() >= kCapacity) entries_.clear();
    entries_.emplace(key, entry);
    return entry;
  }

 private:
  static constexpr size_t kCapacity = 1024;
  struct Hash {
    size_t operator()(const Key& key) const { return key.hash(); }
  };
  std::mutex mutex_;
  std::unordered_map<Key, std::shared_ptr<const Entry>, Hash> entries_;
};

}  // namespace fovea::kernels::onednn
