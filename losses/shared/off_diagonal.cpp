#include <fovea/losses/shared/off_diagonal.h>

#include <fovea/core/ops.h>

namespace fovea::losses {

// x x^T, [..., N, N].
static Tensor gram(const Tensor& x) {
  return matmul(x, x, {.transpose_b = true});
}

// |a^T b|^2 without the diagonal, [..., D].
static Tensor without(const Tensor& squares, const Tensor& diagonal) {
  return sum(squares, {-2, -1}) - sum(square(diagonal), {-1});
}

Tensor off_diagonal_energy(const Tensor& a, const Tensor& b) {
  Tensor squares = a.size(-2) < a.size(-1) ? gram(a) * gram(b) : square(matmul(a, b, {.transpose_a = true}));
  return without(squares, sum(a * b, {-2}));
}

Tensor off_diagonal_energy(const Tensor& a) {
  Tensor squares = square(a.size(-2) < a.size(-1) ? gram(a) : matmul(a, a, {.transpose_a = true}));
  return without(squares, sum(square(a), {-2}));
}

}  // namespace fovea::losses
