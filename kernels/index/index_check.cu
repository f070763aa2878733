// Indices checked on the device. A fault is written into page-locked memory of the host, which reads it, for nothing,
// whenever it waits for the device. One pass over the indices; with a count one block makes it, so that the sum needs
// no second kernel.
#include <stdexcept>
#include <string>

#include <fovea/kernels/index_check.h>
#include <fovea/kernels/base/cuda_utils.cuh>

namespace fovea::kernels {

struct IndexFault {
  const char *op, *noun;  // op null: no fault
  int64_t limit, place, value;
};

static constexpr int kThreads = 1024;

__global__ void __launch_bounds__(kThreads)
    check_index_kernel(IndexCheck check, const int64_t* index, int64_t* checked, int64_t n, float* inverse_count,
                       volatile IndexFault* fault) {
  int64_t counted = 0;
  for (int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x; i < n; i += int64_t(gridDim.x) * kThreads) {
    int64_t value = index[i];
    if (value != check.otherwise && (value < 0 || value >= check.limit)) {
      if (!fault->op) {
        fault->noun = check.noun;
        fault->limit = check.limit;
        fault->place = i;
        fault->value = value;
        fault->op = check.op;
      }
      value = check.otherwise;
    }
    checked[i] = value;
    counted += value != check.otherwise;
  }
  if (!inverse_count) return;
  __shared__ int64_t shared[kThreads / kWarp];
  counted = block_reduce<kThreads>(counted, shared);
  if (threadIdx.x == 0) *inverse_count = 1.0f / float(counted);
}

static IndexFault* fault_of(Cuda& ctx) {
  if (!ctx.index_fault) {
    FOVEA_CUDA_CHECK(cudaMallocHost(&ctx.index_fault, sizeof(IndexFault)));
    *ctx.index_fault = {};
  }
  return ctx.index_fault;
}

void check_index(Cuda& ctx, const IndexCheck& check, const int64_t* index, int64_t* checked, int64_t n,
                 float* inverse_count) {
  launch(ctx, check_index_kernel, inverse_count ? 1 : grid_for(ctx, n, kThreads), kThreads, 0, check, index, checked, n,
         inverse_count, fault_of(ctx));
}

void throw_index_fault(Cuda& ctx) {
  if (!ctx.index_fault || !ctx.index_fault->op) return;
  IndexFault fault = *ctx.index_fault;
  *ctx.index_fault = {};
  throw std::runtime_error(std::string(fault.op) + ": want " + fault.noun + " in [0, " + std::to_string(fault.limit) +
                           "), got " + std::to_string(fault.value) + " at place " + std::to_string(fault.place));
}

}  // namespace fovea::kernels
