#include <fovea/kernels/nt_xent.h>
#include <fovea/kernels/scratch.h>
#include <cmath>
#include <vector>

#include "support/catch.h"

using namespace fovea;
using namespace fovea::kernels;

namespace {

std::vector<double> rows(int64_t n, int64_t dim, double seed) {
  std::vector<double> z;
  for (int64_t i = 0; i < n * dim; ++i)
    z.push_back(std::sin(seed + double(i * i % 10007)) + 0.3 * std::sin(double(i % dim)));
  return z;
}

struct Result {
  double loss;
  std::vector<double> dz;  // z0's rows, then z1's
};

// The definition, with every similarity written out.
Result formula(const std::vector<double>& z0, const std::vector<double>& z1, int64_t pairs, int64_t dim, double t) {
  const int64_t n = 2 * pairs;
  std::vector<double> u(z0), norm, s(size_t(n * n)), g(size_t(n * dim));
  u.insert(u.end(), z1.begin(), z1.end());
  for (int64_t i = 0; i < n; ++i) {
    double squares = 0;
    for (int64_t d = 0; d < dim; ++d) squares += u[size_t(i * dim + d)] * u[size_t(i * dim + d)];
    norm.push_back(std::max(std::sqrt(squares), 1e-12));
    for (int64_t d = 0; d < dim; ++d) u[size_t(i * dim + d)] /= norm.back();
  }
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t d = 0; d < dim; ++d) s[size_t(i * n + j)] += u[size_t(i * dim + d)] * u[size_t(j * dim + d)] / t;
  Result result{0, {}};
  for (int64_t i = 0; i < n; ++i) {
    double top = -INFINITY, sum = 0;
    const double* row = &s[size_t(i * n)];
    int64_t positive = (i + pairs) % n;
    for (int64_t j = 0; j < n; ++j)
      if (j != i) top = std::max(top, row[j]);
    for (int64_t j = 0; j < n; ++j)
      if (j != i) sum += std::exp(row[j] - top);
    result.loss += (top + std::log(sum) - row[positive]) / double(n);
    for (int64_t j = 0; j < n; ++j) {
      if (j == i) continue;
      double slope = (std::exp(row[j] - top) / sum - (j == positive)) / (double(n) * t);
      for (int64_t d = 0; d < dim; ++d) {
        g[size_t(i * dim + d)] += slope * u[size_t(j * dim + d)];
        g[size_t(j * dim + d)] += slope * u[size_t(i * dim + d)];
      }
    }
  }
  for (int64_t i = 0; i < n; ++i) {
    double dot = 0;
    for (int64_t d = 0; d < dim; ++d) dot += g[size_t(i * dim + d)] * u[size_t(i * dim + d)];
    for (int64_t d = 0; d < dim; ++d)
      result.dz.push_back((g[size_t(i * dim + d)] - dot * u[size_t(i * dim + d)]) / norm[size_t(i)]);
  }
  return result;
}

template <class T>
Result run(const std::vector<double>& z0, const std::vector<double>& z1, int64_t pairs, int64_t dim, double t) {
  std::vector<T> a, b, da(z0.size()), db(z1.size());
  for (double v : z0) a.push_back(T(float(v)));
  for (double v : z1) b.push_back(T(float(v)));
  if constexpr (std::is_same_v<T, double>) a = z0, b = z1;
  accumulator_t<T> loss = 0, one = 1;
  std::vector<accumulator_t<T>> lse(size_t(2 * pairs));
  nt_xent(cpu(), {pairs, dim, t}, a.data(), b.data(), &loss, lse.data());
  nt_xent_backward(cpu(), {pairs, dim, t}, a.data(), b.data(), lse.data(), &one, da.data(), db.data());
  Result result{double(loss), {}};
  for (T v : da) result.dz.push_back(double(accumulator_t<T>(v)));
  for (T v : db) result.dz.push_back(double(accumulator_t<T>(v)));
  return result;
}

double difference(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = 0, scale = 0;
  for (size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(a[i] - b[i])), scale = std::max(scale, std::abs(b[i]));
  return worst / scale;
}

}  // namespace

TEST_CASE("NT-Xent agrees with its definition for any number of rows, width and temperature", "[kernels][nt_xent]") {
  struct Size {
    int64_t pairs, dim;
  };
  for (Size size : {Size{1, 3}, {2, 1}, {16, 16}, {24, 17}, {32, 128}, {33, 65}, {97, 31}, {161, 8}, {520, 7}})
    for (double t : {0.5, 0.07, 0.02, 0.005}) {
      std::vector<double> z0 = rows(size.pairs, size.dim, 0.1), z1 = rows(size.pairs, size.dim, 2.0);
      Result wanted = formula(z0, z1, size.pairs, size.dim, t);
      Result exact = run<double>(z0, z1, size.pairs, size.dim, t), single = run<float>(z0, z1, size.pairs, size.dim, t);
      INFO(size.pairs << " pairs of " << size.dim << " at " << t);
      CHECK(exact.loss == Approx(wanted.loss).epsilon(1e-11).margin(1e-11));
      CHECK(single.loss == Approx(wanted.loss).epsilon(1e-5).margin(1e-6 / t));
      if (size.pairs == 1 || size.dim == 1) continue;  // no gradient to compare with
      CHECK(difference(exact.dz, wanted.dz) < 1e-10);
      CHECK(difference(single.dz, wanted.dz) < 1e-6 / t);
    }
}

TEST_CASE("NT-Xent at temperature 0.07 is within 1e-5 of f64 for thousands of rows", "[kernels][nt_xent]") {
  const int64_t pairs = 2100, dim = 33;
  std::vector<double> z0 = rows(pairs, dim, 0.1), z1 = rows(pairs, dim, 2.0);
  Result exact = run<double>(z0, z1, pairs, dim, 0.07), single = run<float>(z0, z1, pairs, dim, 0.07);
  CHECK(std::abs(single.loss - exact.loss) < 1e-5 * exact.loss);
  CHECK(difference(single.dz, exact.dz) < 1e-5);
}

TEST_CASE("NT-Xent does not depend on the number of threads, to the bit", "[kernels][nt_xent]") {
  const int64_t pairs = 1500, dim = 19;
  std::vector<double> z0 = rows(pairs, dim, 0.1), z1 = rows(pairs, dim, 2.0);
  int before = threads();
  set_threads(1);
  Result one = run<float>(z0, z1, pairs, dim, 0.1);
  set_threads(3);
  Result three = run<float>(z0, z1, pairs, dim, 0.1);
  set_threads(before);
  CHECK(one.loss == three.loss);
  CHECK(one.dz == three.dz);
}

TEST_CASE("NT-Xent needs memory for rows, not for pairs of rows", "[kernels][nt_xent]") {
  const int64_t pairs = 4096, dim = 16;
  std::vector<double> z0 = rows(pairs, dim, 0.1), z1 = rows(pairs, dim, 2.0);
  size_t before = scratch_held();
  run<float>(z0, z1, pairs, dim, 0.1);
  CHECK(scratch_held() < before + (size_t(64) << 20));  // all similarities would be 256 MiB
}

TEST_CASE("a row of zeros has a finite gradient in NT-Xent", "[kernels][nt_xent]") {
  std::vector<double> z0 = rows(3, 5, 0.1), z1 = rows(3, 5, 2.0);
  std::fill_n(z0.begin(), 5, 0.0);
  Result result = run<float>(z0, z1, 3, 5, 0.5);
  CHECK(std::isfinite(result.loss));
  for (double g : result.dz) CHECK(std::isfinite(g));
}
