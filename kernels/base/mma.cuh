#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

// The tensor cores of sm_80 and later: asynchronous copies into shared memory, fragments out of it, products of
// fragments. Thin wrappers of single PTX instructions, all of them done by a whole warp together except the copies.
//
// Fragments. With g = lane / 4 and t = lane % 4, a lane holds of
//
//   bf16, 16 x 8 x 16 (two neighbours in a register)     tf32, 16 x 8 x 8 (one value in a register)
//     A [16 rows, 16 k]  a0 = (g,     k 2t, 2t+1)          A [16 rows, 8 k]  a0 = (g,     k t)
//                        a1 = (g + 8, k 2t, 2t+1)                            a1 = (g + 8, k t)
//                        a2 = (g,     k 2t+8, 2t+9)                          a2 = (g,     k t + 4)
//                        a3 = (g + 8, k 2t+8, 2t+9)                          a3 = (g + 8, k t + 4)
//     B [16 k, 8 cols]   b0 = (k 2t, 2t+1,   col g)        B [8 k, 8 cols]   b0 = (k t,     col g)
//                        b1 = (k 2t+8, 2t+9, col g)                          b1 = (k t + 4, col g)
//     C [16 rows, 8 cols] of both, f32:  c0, c1 = (g, cols 2t, 2t+1),  c2, c3 = (g + 8, cols 2t, 2t+1)
//
// So a C fragment, rounded to pairs of bf16, is the A fragment of a following product: columns [0, 8) of C give a0, a1
// and columns [8, 16) give a2, a3.
//
// Four 8 x 8 matrices of bf16 come out of shared memory by one ldmatrix<4>. Lane l gives the address of row l % 8 of
// matrix l / 8, 16 bytes, and receives elements 2t, 2t+1 of row g of each (transposed: rows 2t, 2t+1 of column g). The
// tile in shared memory has rows of 16-byte chunks; from its corner, lane l points at
//
//   operand                 stored            row, chunk           receives
//   A [16, 16]              [m][k]            rows_first(l)        a0 a1 a2 a3
//   A [16, 16], transposed  [k][m]            chunks_first(l)      a0 a1 a2 a3   (kTransposed)
//   B [16, 16]              [n][k]            chunks_first(l)      b0 b1 of cols [0, 8), b0 b1 of cols [8, 16)
//   B [16, 16], transposed  [k][n]            rows_first(l)        the same      (kTransposed)
//
// tf32 and f32: a 16-byte chunk is 4 values and a register holds one, so the two rows of the table that are not
// transposed give the fragments of A [16, 8] and B [8, 16]. The transposed ones have no ldmatrix: read words.
namespace fovea::kernels {

// The address of a shared-memory location as PTX wants it.
__device__ inline uint32_t shared_address(const void* p) {
  return uint32_t(__cvta_generic_to_shared(p));
}

// A tile in shared memory of rows of kChunks 16-byte chunks, without bank conflicts: where chunk `chunk` of row `row`
// lies, counted in chunks. Neighbouring rows are permuted differently, so that eight rows of one chunk (ldmatrix) and
// eight chunks of one row (16-byte copies) both cover all 32 banks. kChunks = 8 gives rows of 128 bytes, the pattern
// of the hardware's 128-byte swizzle; other counts permute as far as their power of two reaches.
template <int kChunks = 8>
__host__ __device__ constexpr int swizzled(int row, int chunk) {
  constexpr int kPower = kChunks & -kChunks, kWays = kPower < 8 ? kPower : 8;
  return row * kChunks + (chunk ^ int(unsigned(row) / (8 / kWays) % kWays));
}

struct RowChunk {
  int row, chunk;
};
// Which row and chunk below a corner of the tile a lane points ldmatrix<4> at: see the table above.
__device__ inline RowChunk rows_first(int lane) {
  return {lane % 16, lane / 16};
}
__device__ inline RowChunk chunks_first(int lane) {
  return {lane % 8 + lane / 16 * 8, lane / 8 % 2};
}

// Starts a copy of kBytes (4, 8 or 16, both ends aligned to it) from global to shared memory; only the first `valid`
// bytes are read, the rest is filled with zeros. With valid = 0, `from` is not touched but must be a legal address.
template <int kBytes>
__device__ void copy_async(void* to, const void* from, int valid = kBytes) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
  if constexpr (kBytes == 16)  // past the first cache: the bytes are read from shared memory from now on
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(valid)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(to)), "l"(from), "n"(kBytes),
                 "r"(valid)
                 : "memory");
}
// Closes the group of this thread's copies since the last one. Empty groups are legal and keep the count simple.
__device__ inline void copy_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Waits until at most kPending of this thread's groups are under way. Other threads' copies need a barrier after it.
template <int kPending>
__device__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

// kCount 8 x 8 matrices of 16-bit elements (or 8 x 4 of 32-bit ones) from shared memory. `row` is the address of this
// lane's row; with 1 or 2 matrices, those of lanes below 8 or 16 count.
template <int kCount, bool kTransposed = false>
__device__ void ldmatrix(uint32_t (&r)[kCount], const void* row) {
  static_assert(kCount == 1 || kCount == 2 || kCount == 4);
  uint32_t address = shared_address(row);
  if constexpr (kCount == 1 && !kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(r[0]) : "r"(address) : "memory");
  if constexpr (kCount == 1 && kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];" : "=r"(r[0]) : "r"(address) : "memory");
  if constexpr (kCount == 2 && !kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(address)
                 : "memory");
  if constexpr (kCount == 2 && kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(address)
                 : "memory");
  if constexpr (kCount == 4 && !kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  if constexpr (kCount == 4 && kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
}

// c += A B, 16 x 8 x 16 in bf16. b points at b0, b1.
__device__ inline void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t* b) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
// c += A B, 16 x 8 x 8 in tf32: operands through to_tf32.
__device__ inline void mma_tf32(float (&c)[4], const uint32_t (&a)[4], const uint32_t* b) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// f32 rounded to tf32's 10 bits of mantissa (to nearest, ties away from zero); unrounded operands would be truncated.
__device__ inline uint32_t to_tf32(float x) {
  uint32_t y;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
  return y;
}
__device__ inline uint32_t to_tf32(uint32_t bits) {
  return to_tf32(__uint_as_float(bits));
}

// Two floats as a register of bf16, `low` first in memory.
__device__ inline uint32_t pack_bf16(float low, float high) {
  __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<uint32_t*>(&pair);
}

}  // namespace fovea::kernels
