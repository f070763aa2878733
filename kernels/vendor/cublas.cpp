#include <fovea/kernels/vendor/cublas.h>

#include <cublas_v2.h>
#include <dlfcn.h>

#include <stdexcept>
#include <type_traits>

#include <fovea/kernels/precision.h>

namespace fovea::kernels::vendor {
namespace {

// cublasGemmStridedBatchedEx, of which the header has overloads.
using Multiply = cublasStatus_t (*)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int m, int n, int k,
                                    const void* alpha, const void* a, cudaDataType_t, int lda, long long stride_a,
                                    const void* b, cudaDataType_t, int ldb, long long stride_b, const void* beta,
                                    void* c, cudaDataType_t, int ldc, long long stride_c, int batch,
                                    cublasComputeType_t, cublasGemmAlgo_t);

// The functions of the opened library.
struct Library {
  std::string missing;
  cublasHandle_t handle = nullptr;
  decltype(&cublasCreate_v2) create;
  decltype(&cublasSetStream_v2) set_stream;
  decltype(&cublasGetStatusString) status_string;
  Multiply multiply;

  Library() {
    const std::string name = "libcublas.so." + std::to_string(CUBLAS_VER_MAJOR);
    void* opened = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!opened) {
      missing = std::string("cuBLAS cannot be opened: ") + dlerror();
      return;
    }
    load(opened, "cublasCreate_v2", create);
    load(opened, "cublasSetStream_v2", set_stream);
    load(opened, "cublasGetStatusString", status_string);
    load(opened, "cublasGemmStridedBatchedEx", multiply);
    if (missing.empty() && create(&handle) != CUBLAS_STATUS_SUCCESS) missing = "cuBLAS does not start on this device";
  }
  template <class Function>
  void load(void* opened, const char* symbol, Function& function) {
    function = reinterpret_cast<Function>(dlsym(opened, symbol));
    if (!function) missing = std::string("cuBLAS has no function ") + symbol;
  }
};
Library& library() {
  static Library opened;
  return opened;
}

template <class T>
constexpr cudaDataType_t kType = std::is_same_v<T, float> ? CUDA_R_32F : CUDA_R_16BF;

}  // namespace

const std::string& cublas_missing() {
  return library().missing;
}

// cuBLAS counts columns first: what it is given is the transposed product, with B as its first operand.
template <class T, class Out>
void matmul(Cuda& ctx, const MatmulSizes& s, const T* a, const T* b, Out* c, const MatmulOutput<T>& output) {
  Library& blas = library();
  if (!blas.missing.empty()) throw std::runtime_error(blas.missing);
  if (output.bias || output.residual || output.epilogue != Epilogue::none)
    throw std::runtime_error("cuBLAS: want a product without bias, residual and epilogue");
  auto check = [&](cublasStatus_t status) {
    if (status != CUBLAS_STATUS_SUCCESS) throw std::runtime_error(std::string("cuBLAS: ") + blas.status_string(status));
  };
  check(blas.set_stream(blas.handle, ctx.stream));
  const bool tf32 = std::is_same_v<T, float> && float32_precision() == Float32Precision::tf32;
  const auto compute = tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  const auto flag = [](bool transpose) { return transpose ? CUBLAS_OP_T : CUBLAS_OP_N; };
  const bool sums = s.stride_c == 0;
  for (int64_t i = 0; i < (sums ? s.batch : 1); ++i) {
    const float alpha = float(output.alpha), beta = sums && i > 0 ? 1 : float(output.beta);
    check(blas.multiply(blas.handle, flag(s.transpose_b), flag(s.transpose_a), int(s.n), int(s.m), int(s.k), &alpha,
                        b + i * s.stride_b, kType<T>, int(s.transpose_b ? s.k : s.n), s.stride_b, a + i * s.stride_a,
                        kType<T>, int(s.transpose_a ? s.m : s.k), s.stride_a, &beta, c, kType<Out>, int(s.n),
                        s.stride_c, int(sums ? 1 : s.batch), compute, CUBLAS_GEMM_DEFAULT));
  }
}
template void matmul(Cuda&, const MatmulSizes&, const float*, const float*, float*, const MatmulOutput<float>&);
template void matmul(Cuda&, const MatmulSizes&, const bf16*, const bf16*, bf16*, const MatmulOutput<bf16>&);
template void matmul(Cuda&, const MatmulSizes&, const bf16*, const bf16*, float*, const MatmulOutput<bf16>&);

}  // namespace fovea::kernels::vendor
