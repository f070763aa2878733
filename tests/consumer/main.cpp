#include <fovea/core/ops.h>
#include <fovea/data/dataset.h>

using namespace fovea;

// Reaches what the library is linked to: oneDNN (matmul), zlib and libjpeg (data sets and images).
int main() {
  Tensor x = Tensor::from<float>({2, 2}, {1, 2, 3, 4}).set_requires_grad();
  sum(square(matmul(x, x))).backward();
  const data::Image image = data::decode_image(data::encode_png(data::Image(3, 2)), "memory");
  const data::Split images = data::open_dataset("synthetic:16");
  return x.grad().shape() == Shape{2, 2} && image.width() == 3 && images.train->size() == 16 ? 0 : 1;
}
