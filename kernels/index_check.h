#pragma once

#include <cstdint>

#include <fovea/kernels/context.h>

// In builds with CUDA: indices that a user gave, checked without waiting for the device.
namespace fovea::kernels {

// What indices [n] may be: in [0, limit), or `otherwise`.
struct IndexCheck {
  const char* op;  // whose error it is; a literal, as noun is
  int64_t limit;
  int64_t otherwise = 0;
  const char* noun = "indices";
};

// checked[i] = index[i] where that is allowed, else `otherwise`: later kernels need not look again. The host learns of
// the first call with a wrong index when it next waits for the device: synchronize() and download() throw
// std::runtime_error then. *inverse_count, unless null, = 1 / the number of indices that are not `otherwise`.
//                                                                              reads n, writes n
void check_index(Cuda&, const IndexCheck& check, const int64_t* index, int64_t* checked, int64_t n,
                 float* inverse_count = nullptr);

// What check_index() found since the last call, forgotten by it. Called by synchronize().
void throw_index_fault(Cuda&);

}  // namespace fovea::kernels
