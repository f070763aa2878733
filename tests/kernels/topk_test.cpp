#include <fovea/kernels/scratch.h>
#include <fovea/kernels/similarity/topk_isa.h>
#include <fovea/kernels/topk.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "support/catch.h"

using namespace fovea;
using namespace fovea::kernels;

namespace {

// Small whole numbers: products and sums are exact in every type, and equal similarities are common.
template <class T>
std::vector<T> whole(int64_t n, int64_t seed) {
  std::vector<T> v;
  uint64_t state = uint64_t(seed) * 2654435761u + 99;
  for (int64_t i = 0; i < n; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    v.push_back(T(float(int64_t(state >> 40) % 4 - 1)));
  }
  return v;
}

struct Neighbour {
  double value;
  int64_t row;
};

template <class T>
std::vector<Neighbour> sorted(const TopK& s, const T* query, const std::vector<T>& bank) {
  std::vector<Neighbour> all;
  for (int64_t r = 0; r < s.rows; ++r) {
    double dot = 0, distance = 0;
    for (int64_t d = 0; d < s.dim; ++d) {
      double q = double(accumulator_t<T>(query[d])), x = double(accumulator_t<T>(bank[size_t(r * s.dim + d)]));
      dot += q * x, distance += (q - x) * (q - x);
    }
    all.push_back({s.metric == Metric::dot ? dot : distance, r});
  }
  double sign = s.metric == Metric::dot ? 1 : -1;
  std::stable_sort(all.begin(), all.end(),
                   [&](const Neighbour& a, const Neighbour& b) { return sign * a.value > sign * b.value; });
  return all;
}

}  // namespace

TEMPLATE_TEST_CASE("top-k finds what sorting finds, the lower row first among equals", "[kernels][topk]", float, double,
                   bf16) {
  using T = TestType;
  for (Metric metric : {Metric::dot, Metric::squared_distance})
    for (TopK s :
         {TopK{1, 1, 1, 1}, {3, 5, 7, 5}, {70, 49, 3, 1}, {5, 1000, 6, 13}, {131, 333, 17, 200}, {2, 700, 2, 700}}) {
      s.metric = metric;
      std::vector<T> queries = whole<T>(s.queries * s.dim, 1), bank = whole<T>(s.rows * s.dim, 2);
      std::vector<accumulator_t<T>> values(size_t(s.queries * s.k));
      std::vector<int64_t> index(values.size());
      topk(cpu(), s, queries.data(), bank.data(), values.data(), index.data());
      int64_t wrong = 0;
      for (int64_t q = 0; q < s.queries; ++q) {
        std::vector<Neighbour> wanted = sorted(s, &queries[size_t(q * s.dim)], bank);
        for (int64_t j = 0; j < s.k; ++j)
          wrong += index[size_t(q * s.k + j)] != wanted[size_t(j)].row ||
                   double(values[size_t(q * s.k + j)]) != wanted[size_t(j)].value;
      }
      INFO(s.queries << " queries, " << s.rows << " rows of " << s.dim << ", k " << s.k << " metric " << int(metric));
      CHECK(wrong == 0);
    }
}

TEST_CASE("top-k does not depend on the number of threads, and keeps no matrix of similarities", "[kernels][topk]") {
  TopK s{600, 9000, 5, 20};
  std::vector<float> queries, bank, values(size_t(s.queries * s.k)), other(values.size());
  for (int64_t i = 0; i < s.queries * s.dim; ++i) queries.push_back(float(std::sin(double(i * i))));
  for (int64_t i = 0; i < s.rows * s.dim; ++i) bank.push_back(float(std::cos(double(i * i))));
  std::vector<int64_t> index(values.size()), other_index(values.size());
  int before = threads();
  set_threads(1);
  topk(cpu(), s, queries.data(), bank.data(), values.data(), index.data());
  set_threads(3);
  topk(cpu(), s, queries.data(), bank.data(), other.data(), other_index.data());
  set_threads(before);
  CHECK(index == other_index);
  CHECK(values == other);
}

TEST_CASE("a search that is large enough for the bf16 screen gives the bits of the exact one", "[kernels][topk]") {
  // Spread out; so close together that rounding hides every difference; and with a few rows beyond float's range.
  for (int kind : {0, 1, 2})
    for (Metric metric : {Metric::dot, Metric::squared_distance}) {
      const TopK s{150, 2600, 70, 30, metric};
      std::vector<float> queries, bank;
      for (int64_t i = 0; i < s.queries * s.dim; ++i) queries.push_back(float(std::sin(double(i * i % 100003))));
      for (int64_t i = 0; i < s.rows * s.dim; ++i) {
        float x = float(std::cos(double(i * i % 100019)));
        bank.push_back(kind == 1 ? 1 + 1e-4f * x : kind == 2 && i % 50000 == 7 ? 3e38f : x);
      }
      std::vector<float> values(size_t(s.queries * s.k)), some(values.size());
      std::vector<int64_t> index(values.size()), some_index(values.size());
      int before = threads();
      topk(cpu(), s, queries.data(), bank.data(), values.data(), index.data());
      CHECK(threads() == before);
      for (int64_t q = 0; q < s.queries; q += 50)  // too few for the screen
        topk(cpu(), {50, s.rows, s.dim, s.k, metric}, &queries[size_t(q * s.dim)], bank.data(), &some[size_t(q * s.k)],
             &some_index[size_t(q * s.k)]);
      INFO("kind " << kind << ", metric " << int(metric));
      CHECK(index == some_index);
      CHECK(values == some);
    }
}

TEST_CASE("NaN is nobody's neighbour", "[kernels][topk]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> queries{1}, bank{nan, 2, nan, 3}, values(3);
  std::vector<int64_t> index(3);
  topk(cpu(), {1, 4, 1, 3}, queries.data(), bank.data(), values.data(), index.data());
  CHECK(index == std::vector<int64_t>{3, 1, -1});
  CHECK(values == std::vector<float>{3, 2, -std::numeric_limits<float>::infinity()});
}

TEST_CASE("the filter of scores agrees on every instruction set", "[kernels][topk]") {
  auto check = [](auto tag) {
    constexpr Isa I = decltype(tag)::value;
    if (I > isa()) return;
    for (int64_t cols : {1, 15, 16, 33, 100}) {
      std::vector<float> s, limit;
      for (int64_t i = 0; i < 3 * cols; ++i) s.push_back(float(i * 37 % 11));
      for (int64_t i = 0; i < cols; ++i) limit.push_back(float(i * 5 % 13));
      std::vector<Hit> hits(s.size());
      hits.resize(size_t(scan_scores<I>(s.data(), cols, 3, cols, limit.data(), hits.data())));
      size_t at = 0;
      for (int32_t r = 0; r < 3; ++r)
        for (int32_t c = 0; c < cols; ++c) {
          if (!(s[size_t(r * cols + c)] > limit[size_t(c)])) continue;
          REQUIRE(at < hits.size());
          CHECK((hits[at].row == r && hits[at].col == c));
          ++at;
        }
      CHECK(at == hits.size());
    }
  };
  check(std::integral_constant<Isa, Isa::plain>());
#if defined(__x86_64__)
  check(std::integral_constant<Isa, Isa::avx2>());
  check(std::integral_constant<Isa, Isa::avx512>());
#endif
}
