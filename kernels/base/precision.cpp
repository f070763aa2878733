#include <fovea/kernels/precision.h>

#include <atomic>

namespace fovea::kernels {

static std::atomic<Float32Precision> precision = Float32Precision::highest;

Float32Precision float32_precision() {
  return precision;
}
void set_float32_precision(Float32Precision value) {
  precision = value;
}

}  // namespace fovea::kernels
