#include <fovea/core/ops.h>

int main() {
  fovea::Tensor x = fovea::Tensor::from<float>({2, 2}, {1, 2, 3, 4});
  return x.slice(1, 2).to_vector<float>() == std::vector<float>{3, 4} ? 0 : 1;
}
