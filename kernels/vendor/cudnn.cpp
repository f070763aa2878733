#include <fovea/kernels/vendor/cudnn.h>

#include <cudnn.h>
#include <dlfcn.h>

#include <stdexcept>
#include <type_traits>

#include <fovea/kernels/copy.h>
#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/precision.h>

namespace fovea::kernels::vendor {
namespace {

// The functions of the opened library.
struct Library {
  std::string missing;
  cudnnHandle_t handle = nullptr;

  decltype(&cudnnCreate) create;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnGetErrorString) error_string;
  decltype(&cudnnCreateTensorDescriptor) create_tensor;
  decltype(&cudnnSetTensor4dDescriptor) set_tensor;
  decltype(&cudnnDestroyTensorDescriptor) destroy_tensor;
  decltype(&cudnnCreateFilterDescriptor) create_filter;
  decltype(&cudnnSetFilter4dDescriptor) set_filter;
  decltype(&cudnnDestroyFilterDescriptor) destroy_filter;
  decltype(&cudnnCreateConvolutionDescriptor) create_convolution;
  decltype(&cudnnSetConvolution2dDescriptor) set_convolution;
  decltype(&cudnnSetConvolutionGroupCount) set_groups;
  decltype(&cudnnSetConvolutionMathType) set_math;
  decltype(&cudnnDestroyConvolutionDescriptor) destroy_convolution;
  decltype(&cudnnGetConvolutionForwardAlgorithm_v7) forward_algorithm;
  decltype(&cudnnGetConvolutionBackwardDataAlgorithm_v7) data_algorithm;
  decltype(&cudnnGetConvolutionBackwardFilterAlgorithm_v7) filter_algorithm;
  decltype(&cudnnConvolutionForward) forward;
  decltype(&cudnnConvolutionBackwardData) backward_data;
  decltype(&cudnnConvolutionBackwardFilter) backward_filter;
  decltype(&cudnnAddTensor) add_tensor;

  Library() {
    const std::string name = "libcudnn.so." + std::to_string(CUDNN_MAJOR);
    void* opened = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!opened) {
      missing = std::string("cuDNN cannot be opened: ") + dlerror();
      return;
    }
    load(opened, "cudnnCreate", create);
    load(opened, "cudnnSetStream", set_stream);
    load(opened, "cudnnGetErrorString", error_string);
    load(opened, "cudnnCreateTensorDescriptor", create_tensor);
    load(opened, "cudnnSetTensor4dDescriptor", set_tensor);
    load(opened, "cudnnDestroyTensorDescriptor", destroy_tensor);
    load(opened, "cudnnCreateFilterDescriptor", create_filter);
    load(opened, "cudnnSetFilter4dDescriptor", set_filter);
    load(opened, "cudnnDestroyFilterDescriptor", destroy_filter);
    load(opened, "cudnnCreateConvolutionDescriptor", create_convolution);
    load(opened, "cudnnSetConvolution2dDescriptor", set_convolution);
    load(opened, "cudnnSetConvolutionGroupCount", set_groups);
    load(opened, "cudnnSetConvolutionMathType", set_math);
    load(opened, "cudnnDestroyConvolutionDescriptor", destroy_convolution);
    load(opened, "cudnnGetConvolutionForwardAlgorithm_v7", forward_algorithm);
    load(opened, "cudnnGetConvolutionBackwardDataAlgorithm_v7", data_algorithm);
    load(opened, "cudnnGetConvolutionBackwardFilterAlgorithm_v7", filter_algorithm);
    load(opened, "cudnnConvolutionForward", forward);
    load(opened, "cudnnConvolutionBackwardData", backward_data);
    load(opened, "cudnnConvolutionBackwardFilter", backward_filter);
    load(opened, "cudnnAddTensor", add_tensor);
    if (!missing.empty()) return;
    if (cudnnStatus_t status = create(&handle); status != CUDNN_STATUS_SUCCESS)
      missing = std::string("cuDNN cannot be used on this machine: ") + error_string(status);
  }

  template <class Function>
  void load(void* opened, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(opened, name));
    if (!function) missing = std::string("cuDNN has no function ") + name;
  }
};

const Library& library() {
  static const Library the_library;
  return the_library;
}

void check(cudnnStatus_t status) {
  if (status != CUDNN_STATUS_SUCCESS) throw std::runtime_error(std::string("cuDNN: ") + library().error_string(status));
}

template <class T>
constexpr cudnnDataType_t kType = sizeof(T) == 2 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;

// One convolution in cuDNN's terms, and the memory that it works in.
template <class T>
struct Call {
  const Library& api = library();
  cudnnTensorDescriptor_t x = nullptr, y = nullptr, bias = nullptr;
  cudnnFilterDescriptor_t weight = nullptr;
  cudnnConvolutionDescriptor_t convolution = nullptr;
  DeviceScratch scratch;
  const float one = 1, zero = 0;

  Call(Cuda& ctx, const Conv2dShape& s) : scratch(ctx) {
    if (!api.missing.empty()) throw std::runtime_error(api.missing);
    check(api.set_stream(api.handle, ctx.stream));
    tensor(x, s.n, s.c, s.h, s.w);
    tensor(y, s.n, s.k, s.out_h(), s.out_w());
    tensor(bias, 1, s.k, 1, 1);
    check(api.create_filter(&weight));
    check(api.set_filter(weight, kType<T>, CUDNN_TENSOR_NHWC, int(s.k), int(s.c / s.groups), int(s.kh), int(s.kw)));
    check(api.create_convolution(&convolution));
    check(api.set_convolution(convolution, int(s.pad_h), int(s.pad_w), int(s.stride_h), int(s.stride_w),
                              int(s.dilation_h), int(s.dilation_w), CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
    check(api.set_groups(convolution, int(s.groups)));
    const bool tensor_cores = sizeof(T) == 2 || float32_precision() == Float32Precision::tf32;
    check(api.set_math(convolution, tensor_cores ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH));
  }
  ~Call() {
    for (cudnnTensorDescriptor_t descriptor : {x, y, bias}) api.destroy_tensor(descriptor);
    api.destroy_filter(weight);
    api.destroy_convolution(convolution);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  void tensor(cudnnTensorDescriptor_t& descriptor, int64_t n, int64_t c, int64_t h, int64_t w) {
    check(api.create_tensor(&descriptor));
    check(api.set_tensor(descriptor, CUDNN_TENSOR_NHWC, kType<T>, int(n), int(c), int(h), int(w)));
  }
  // Float numbers in the type of the images.
  const T* converted(Cuda& ctx, const float* values, int64_t count) {
    if constexpr (std::is_same_v<T, float>) {
      return values;
    } else {
      T* rounded = scratch.template take<T>(size_t(count));
      cast(ctx, values, rounded, count);
      return rounded;
    }
  }
  // Where float numbers are made, in the type of the images; finish() brings them to where they belong.
  T* target(float* values, int64_t count) {
    if constexpr (std::is_same_v<T, float>)
      return values;
    else
      return scratch.template take<T>(size_t(count));
  }
  void finish(Cuda& ctx, const T* made, float* values, int64_t count) {
    if constexpr (!std::is_same_v<T, float>) cast(ctx, made, values, count);
  }
};

int64_t weight_size(const Conv2dShape& s) {
  return s.k * s.kh * s.kw * (s.c / s.groups);
}

}  // namespace

const std::string& cudnn_missing() {
  return library().missing;
}

template <class T>
void conv2d_forward(Cuda& ctx, const Conv2dShape& s, const T* x, const float* weight, const float* bias, T* y) {
  Call<T> call(ctx, s);
  const T* filter = call.converted(ctx, weight, weight_size(s));
  cudnnConvolutionFwdAlgoPerf_t best;
  int found;
  check(call.api.forward_algorithm(call.api.handle, call.x, call.weight, call.convolution, call.y, 1, &found, &best));
  check(call.api.set_math(call.convolution, best.mathType));
  check(call.api.forward(call.api.handle, &call.one, call.x, x, call.weight, filter, call.convolution, best.algo,
                         call.scratch.bytes(best.memory), best.memory, &call.zero, call.y, y));
  if (!bias) return;
  const T* added = call.converted(ctx, bias, s.k);
  check(call.api.add_tensor(call.api.handle, &call.one, call.bias, added, &call.one, call.y, y));
}

template <class T>
void conv2d_backward_data(Cuda& ctx, const Conv2dShape& s, const T* dy, const float* weight, T* dx) {
  Call<T> call(ctx, s);
  const T* filter = call.converted(ctx, weight, weight_size(s));
  cudnnConvolutionBwdDataAlgoPerf_t best;
  int found;
  check(call.api.data_algorithm(call.api.handle, call.weight, call.y, call.convolution, call.x, 1, &found, &best));
  check(call.api.set_math(call.convolution, best.mathType));
  check(call.api.backward_data(call.api.handle, &call.one, call.weight, filter, call.y, dy, call.convolution, best.algo,
                               call.scratch.bytes(best.memory), best.memory, &call.zero, call.x, dx));
}

template <class T>
void conv2d_backward_weights(Cuda& ctx, const Conv2dShape& s, const T* x, const T* dy, float* dweight) {
  Call<T> call(ctx, s);
  T* filter = call.target(dweight, weight_size(s));
  cudnnConvolutionBwdFilterAlgoPerf_t best;
  int found;
  check(call.api.filter_algorithm(call.api.handle, call.x, call.y, call.convolution, call.weight, 1, &found, &best));
  check(call.api.set_math(call.convolution, best.mathType));
  check(call.api.backward_filter(call.api.handle, &call.one, call.x, x, call.y, dy, call.convolution, best.algo,
                                 call.scratch.bytes(best.memory), best.memory, &call.zero, call.weight, filter));
  call.finish(ctx, filter, dweight, weight_size(s));
}

#define FOVEA_INSTANTIATE(T)                                                                         \
  template void conv2d_forward(Cuda&, const Conv2dShape&, const T*, const float*, const float*, T*); \
  template void conv2d_backward_data(Cuda&, const Conv2dShape&, const T*, const float*, T*);         \
  template void conv2d_backward_weights(Cuda&, const Conv2dShape&, const T*, const T*, float*)
FOVEA_INSTANTIATE(float);
FOVEA_INSTANTIATE(bf16);

}  // namespace fovea::kernels::vendor
