#pragma once

// FOVEA_HD marks a function that g++ compiles for the host and nvcc for host and device. On the host it is always
// inlined into its caller, so sources that are compiled for several instruction sets (isa.h) may call it.
#ifdef __CUDACC__
#define FOVEA_HD __host__ __device__
#else
#define FOVEA_HD [[gnu::always_inline]]
#endif
