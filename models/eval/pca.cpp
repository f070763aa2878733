#include <fovea/models/eval/pca.h>

#include <algorithm>

#include <Eigen/Eigenvalues>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/ops.h>

namespace fovea::models {

Tensor Pca::operator()(const Tensor& x) const {
  NoGrad no_grad;
  return matmul(x - mean, components, {.transpose_b = true});
}

Pca pca(const Tensor& x, int components) {
  check(x.rank() == 2 && x.dtype() == Dtype::f32 && x.size(0) >= 2,
        "pca: want at least two rows of f32 [N, D], got {} {}", name_of(x.dtype()), x.shape());
  int64_t d = x.size(1);
  check(components >= 1 && components <= d, "pca: want between 1 and {} components, got {}", d, components);
  NoGrad no_grad;
  Pca out;
  out.mean = mean(x, {0});
  Tensor centred = x - out.mean, scatter = matmul(centred, centred, {.transpose_a = true});  // [D, D]
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(
      Eigen::Map<const Eigen::MatrixXf>(scatter.data<float>(), d, d).cast<double>());
  check(solver.info() == Eigen::Success,
        "pca: the eigenvalues did not converge; are there values that are not finite?");
  double total = std::max(solver.eigenvalues().cwiseMax(0).sum(), 1e-300);
  out.components = Tensor::empty({components, d});
  for (int k = 0; k < components; ++k) {
    Eigen::VectorXd v = solver.eigenvectors().col(d - 1 - k);  // ascending eigenvalues
    Eigen::Index largest;
    v.cwiseAbs().maxCoeff(&largest);
    double sign = v[largest] < 0 ? -1 : 1;
    for (int64_t i = 0; i < d; ++i) out.components.data<float>()[k * d + i] = float(sign * v[i]);
    out.explained.push_back(std::max(solver.eigenvalues()[d - 1 - k], 0.0) / total);
  }
  return out;
}

}  // namespace fovea::models
