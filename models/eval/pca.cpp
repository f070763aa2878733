#include <fovea/models/eval/pca.h>

#include <algorithm>

#include <Eigen/Eigenvalues>
#include <Eigen/QR>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/ops.h>

namespace fovea::models {

template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Tensor Pca::operator()(const Tensor& x) const {
  NoGrad no_grad;
  return matmul(x - mean, components, {.transpose_b = true});
}

Pca pca(const Tensor& x, int components) {
  check(x.rank() == 2 && x.dtype() == Dtype::f32 && x.size(0) >= 2,
        "pca: want at least two rows of f32 [N, D], got {} {}", name_of(x.dtype()), x.shape());
  const int64_t n = x.size(0), d = x.size(1), m = std::min(n, d);
  check(components >= 1 && components <= m, "pca: want between 1 and {} components, got {}", m, components);
  NoGrad no_grad;
  Pca out;
  out.mean = mean(x, {0});
  Tensor centred = x - out.mean;
  const Tensor products =  // [M, M]
      matmul(centred, centred, {.transpose_a = d <= n, .transpose_b = d > n}).to(Device::cpu());
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(
      Eigen::Map<const Eigen::MatrixXf>(products.data<float>(), m, m).cast<double>());
  check(solver.info() == Eigen::Success,
        "pca: the eigenvalues did not converge; are there values that are not finite?");
  Eigen::MatrixXd directions = solver.eigenvectors().rightCols(components).rowwise().reverse();  // ascending until here
  if (d > n) {
    centred = centred.to(Device::cpu());
    // X^T u is an eigenvector of X^T X; the QR also finds directions where the rows span too few
    const Eigen::Map<const RowMajor<float>> rows(centred.data<float>(), n, d);
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr((rows.transpose() * directions.cast<float>()).cast<double>());
    directions = qr.householderQ() * Eigen::MatrixXd::Identity(d, components);
  }
  const double total = std::max(solver.eigenvalues().cwiseMax(0).sum(), 1e-300);
  out.components = Tensor::empty({components, d});
  Eigen::Map<RowMajor<float>> rows(out.components.data<float>(), components, d);
  for (int k = 0; k < components; ++k) {
    Eigen::Index largest;
    directions.col(k).cwiseAbs().maxCoeff(&largest);
    rows.row(k) = (directions(largest, k) < 0 ? -1 : 1) * directions.col(k).transpose().cast<float>();
    out.explained.push_back(std::max(solver.eigenvalues()[m - 1 - k], 0.0) / total);
  }
  out.components = out.components.to(x.device());
  return out;
}

}  // namespace fovea::models
