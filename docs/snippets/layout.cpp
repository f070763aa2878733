#include <iostream>

#include <fovea/core/ops.h>

using namespace fovea;

int main() {
  Tensor images = Tensor::zeros({8, 32, 32, 3});  // N, H, W, C
  Tensor weight = Tensor::zeros({64, 3, 3, 3});   // O, kh, kw, I
  Tensor y = conv2d(images, weight, {}, {.stride = 2, .padding = 1});
  std::cout << y.shape().str() << " " << global_avg_pool(y).shape().str() << "\n";
}
