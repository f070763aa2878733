#pragma once

#include <cstddef>
#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

namespace fovea::kernels {

// Bytes within one device.                                             reads and writes `bytes`
void copy_bytes(Cpu&, const void* from, void* to, size_t bytes);
void copy_bytes(Cuda&, const void* from, void* to, size_t bytes);

// Bytes from the host to a device, as soon as its earlier work allows; `host` may be changed once upload() returns if
// it is pageable memory, after synchronize() if it is pinned. And back: download() returns when the bytes are there.
void upload(Cuda&, const void* host, void* device, size_t bytes);
void download(Cuda&, const void* device, void* host, size_t bytes);
// A few bytes of the host, for kernels behind this call. They travel as a kernel's arguments: the host waits for
// nothing and may change them at once.
void put(Cuda&, const void* host, void* device, size_t bytes);

// x[i] += by                                                            reads and writes n
void increment(Cpu&, int64_t* x, int64_t n, int64_t by);
void increment(Cuda&, int64_t* x, int64_t n, int64_t by);

// x[i] = value                                                          writes n
template <class T>
void fill(Cpu&, T* x, int64_t n, T value);
template <class T>
void fill(Cuda&, T* x, int64_t n, T value);

// to[i] = To(from[i]); float to integer truncates                       reads n, writes n
template <class From, class To>
void cast(Cpu&, const From* from, To* to, int64_t n);
template <class From, class To>
void cast(Cuda&, const From* from, To* to, int64_t n);

}  // namespace fovea::kernels
