#pragma once

#include <cuda.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include <fovea/kernels/base/cuda_check.h>
#include <fovea/kernels/base/mma.cuh>

// Hopper's own instructions: bulk copies of tiles by the copy engine, barriers that count bytes, products of whole
// tiles in shared memory by a warpgroup (4 warps). Usable in code for sm_90a alone (__CUDA_ARCH_FEAT_SM90_ALL).
namespace fovea::kernels::hopper {

// Barriers in shared memory (mbarrier). A phase ends when `count` arrivals and all bytes announced have come; waiting
// for parity p returns once the phase of that parity is over. The first phase has parity 0; a wait for parity 1 on a
// new barrier returns at once.
__device__ inline void barrier_init(uint64_t* barrier, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(count) : "memory");
}
// Makes initialised barriers known to the copy engine; before the block's barrier.
__device__ inline void barrier_init_fence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ inline void barrier_arrive(uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}
__device__ inline void barrier_expect(uint64_t* barrier, int bytes) {  // arrives, and announces bytes
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes)
               : "memory");
}
__device__ inline void barrier_wait(uint64_t* barrier, uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n"
      "}" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
}

// Starts the copy of the box at (x, y, z), innermost first, of a tensor map; its bytes arrive at `barrier`. One thread.
__device__ inline void copy_box(void* to, const CUtensorMap* map, int x, int y, int z, uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];" ::
          "r"(shared_address(to)),
      "l"(map), "r"(x), "r"(y), "r"(z), "r"(shared_address(barrier))
      : "memory");
}
__device__ inline void prefetch_map(const CUtensorMap* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

// A tile in shared memory for wgmma: rows of 128 bytes under the 128-byte swizzle, aligned to 1024. With k along the
// rows, eight rows are 1024 bytes. With k across, rows are 64 elements of one k, eight k are 1024 bytes, and the next
// 64 elements begin 8192 bytes on (tiles of 64 k).
__device__ inline uint64_t tile_descriptor(const void* tile) {
  uint64_t address = (shared_address(tile) & 0x3ffff) >> 4;
  return address | uint64_t(8192 >> 4) << 16 | uint64_t(1024 >> 4) << 32 | uint64_t(1) << 62;
}
// How far 16 steps of k are, in the units of a descriptor.
template <bool kAlongK>
inline constexpr int kStep16 = kAlongK ? 32 >> 4 : 16 * 128 >> 4;

// Before the block's barrier: makes what this thread wrote, by stores and finished copy_async, known to wgmma.
__device__ inline void copies_fence() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Orders this warpgroup's registers before its next products, closes a group of them, waits until at most kPending
// groups are under way.
__device__ inline void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ inline void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int kPending>
__device__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

// Keeps the compiler from moving what it does with sums across the waits around them.
template <int N>
__device__ void keep(float (&d)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

// d = A B (+ d when `add`), 64 x 128 x 16 in bf16, by a warpgroup. kAcross: k runs across the rows of the tile. Warp w
// holds rows [16 w, 16 w + 16), of columns [8 j, 8 j + 8) the C fragment of mma.cuh in d[4 j .. 4 j + 3].
template <bool kAcrossA, bool kAcrossB>
__device__ void wgmma_64x128(float (&d)[64], uint64_t a, uint64_t b, int add) {
  asm volatile(
      "{\n"
      ".reg .pred add;\n"
      "setp.ne.b32 add, %66, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
      "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, "
      "%38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, "
      "%56, %57, %58, %59, %60, %61, %62, %63"
      "}, %64, %65, add, 1, 1, %67, %68;\n"
      "}"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), "+f"(d[8]),
        "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]),
        "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]),
        "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31]), "+f"(d[32]),
        "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]),
        "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]),
        "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), "+f"(d[56]),
        "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])
      : "l"(a), "l"(b), "r"(add), "n"(int(kAcrossA)), "n"(int(kAcrossB)));
}

// Registers of each thread of a warpgroup from now on; a multiple of 8, all warps of it together.
template <int kCount>
__device__ void more_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kCount));
}
template <int kCount>
__device__ void fewer_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kCount));
}

// On the host: the map of a bf16 array [count, rows, cols] (strides in elements, multiples of 8, the base aligned to 16
// bytes) for copies of boxes of 64 columns and `box_rows` rows. What lies outside reads as 0.
inline CUtensorMap tensor_map(const void* base, int64_t cols, int64_t rows, int64_t count, int64_t stride,
                              int box_rows) {
  using Encode = decltype(&cuTensorMapEncodeTiled);
  static const Encode encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found;
    FOVEA_CUDA_CHECK(
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found));
    if (!function) throw std::runtime_error("cuda: the driver has no cuTensorMapEncodeTiled");
    return reinterpret_cast<Encode>(function);
  }();
  CUtensorMap map;
  const cuuint64_t sizes[] = {cuuint64_t(cols), cuuint64_t(rows), cuuint64_t(count)};
  const cuuint64_t strides[] = {cuuint64_t(cols) * 2, cuuint64_t(count > 1 ? stride : rows * cols) * 2};
  const cuuint32_t box[] = {64, cuuint32_t(box_rows), 1}, steps[] = {1, 1, 1};
  CUresult result = encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, const_cast<void*>(base), sizes, strides, box,
                           steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                           CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS)
    throw std::runtime_error("cuda: cuTensorMapEncodeTiled returned error " + std::to_string(int(result)));
  return map;
}

// On the host: whether `kernel`, whose body is for sm_90a alone and has static shared memory, was compiled with it.
template <class Kernel>
bool has_body(Kernel* kernel) {
  cudaFuncAttributes attributes;
  FOVEA_CUDA_CHECK(cudaFuncGetAttributes(&attributes, kernel));
  return attributes.sharedSizeBytes > 0;
}

}  // namespace fovea::kernels::hopper
