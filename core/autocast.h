#pragma once

namespace fovea {

// While one of these is alive on this thread, matmul, linear, conv2d, conv_transpose2d and attention take their f32
// operands in bf16 and return bf16. Weights stay f32 (their gradients too); norms, softmax and losses compute in f32.
class Autocast {
 public:
  explicit Autocast(bool on = true);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool previous_;
};

bool autocast_enabled();

}  // namespace fovea
