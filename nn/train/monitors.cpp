#include <fovea/nn/train/monitors.h>

#include <cmath>

#include <Eigen/Dense>

#include <fovea/core/check.h>

namespace fovea::nn {

namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Matrix rows_of(const char* monitor, const Tensor& z, int64_t min_rows) {
  check(z.rank() == 2 && is_float(z.dtype()) && z.size(0) >= min_rows && z.size(1) > 0,
        "{}: want a floating [N, D] with at least {} rows, got {} {}", monitor, min_rows, name_of(z.dtype()),
        z.shape());
  std::vector<double> values = z.to_vector<double>();
  return Eigen::Map<const Matrix>(values.data(), z.size(0), z.size(1));
}

Matrix normalized(Matrix z) {
  for (auto row : z.rowwise()) row /= std::max(row.norm(), 1e-12);
  return z;
}

}  // namespace

double normalized_std(const Tensor& tensor) {
  Matrix z = normalized(rows_of("normalized_std", tensor, 2));
  Matrix centred = z.rowwise() - z.colwise().mean();
  return (centred.colwise().squaredNorm() / double(z.rows() - 1)).cwiseSqrt().mean();
}

double effective_rank(const Tensor& tensor) {
  Matrix z = rows_of("effective_rank", tensor, 1);
  if (!z.allFinite()) return std::nan("");
  Matrix gram = z.rows() < z.cols() ? Matrix(z * z.transpose()) : Matrix(z.transpose() * z);
  Eigen::VectorXd singular =
      Eigen::SelfAdjointEigenSolver<Matrix>(gram, Eigen::EigenvaluesOnly).eigenvalues().cwiseMax(0).cwiseSqrt();
  double sum = singular.sum(), entropy = 0;
  if (sum == 0) return 0;
  for (double s : singular)
    if (s > 0) entropy -= s / sum * std::log(s / sum);
  return std::exp(entropy);
}

double mean_correlation(const Tensor& tensor) {
  Matrix z = rows_of("mean_correlation", tensor, 2);
  check(z.cols() > 1, "mean_correlation: want at least two dimensions, got {}", tensor.shape());
  z.rowwise() -= z.colwise().mean().eval();
  for (auto column : z.colwise()) column /= std::max(column.norm(), 1e-12);
  Matrix correlation = z.transpose() * z;
  correlation.diagonal().setZero();
  return correlation.cwiseAbs().sum() / double(z.cols() * (z.cols() - 1));
}

Similarities view_similarities(const Tensor& z0, const Tensor& z1) {
  check(z0.shape() == z1.shape(), "view_similarities: want two views of one shape, got {} and {}", z0.shape(),
        z1.shape());
  Matrix a = normalized(rows_of("view_similarities", z0, 1)), b = normalized(rows_of("view_similarities", z1, 1));
  double own = a.cwiseProduct(b).sum(), all = a.colwise().sum().dot(b.colwise().sum());
  double n = double(a.rows());
  return {own / n, n > 1 ? (all - own) / (n * (n - 1)) : 0};
}

}  // namespace fovea::nn
