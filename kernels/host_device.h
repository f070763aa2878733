#pragma once

// FOVEA_HD marks a function that g++ compiles for the host and nvcc for host and device.
#ifdef __CUDACC__
#define FOVEA_HD __host__ __device__
#else
#define FOVEA_HD
#endif
