#include <fovea/kernels/topk.h>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

struct Found {
  std::vector<float> values;
  std::vector<int64_t> index;
};

template <class T>
Found on_device(const TopK& shape, const std::vector<T>& queries, const std::vector<T>& bank, int64_t offset = 0) {
  OnDevice<T> q(queries, offset), b(bank, offset);
  OnDevice<float> values = OnDevice<float>::zeros(shape.queries * shape.k);
  OnDevice<int64_t> index = OnDevice<int64_t>::zeros(shape.queries * shape.k);
  topk(cuda(0), shape, q.data(), b.data(), values.data(), index.data());
  return {values.host(), index.host()};
}
template <class T>
Found on_host(const TopK& shape, const std::vector<T>& queries, const std::vector<T>& bank) {
  Found found{std::vector<float>(size_t(shape.queries * shape.k)),
              std::vector<int64_t>(size_t(shape.queries * shape.k))};
  topk(cpu(), shape, queries.data(), bank.data(), found.values.data(), found.index.data());
  return found;
}

}  // namespace

TEMPLATE_TEST_CASE("neighbours on the device are those of the CPU, ties and all", "[cuda][topk]", float, bf16) {
  using T = TestType;
  // Small whole numbers: every product is exact and many are equal.
  for (auto [queries, rows, dim, k] : {std::array<int64_t, 4>{1, 1, 1, 1},
                                       {3, 40, 5, 40},
                                       {17, 333, 8, 7},
                                       {65, 700, 16, 200},
                                       {2, 3000, 3, 20},
                                       {5, 150, 130, 1}})
    for (Metric metric : {Metric::dot, Metric::squared_distance}) {
      INFO(queries << " queries, " << rows << " rows of " << dim << ", k " << k);
      TopK shape{queries, rows, dim, k, metric};
      std::vector<T> q, bank;
      for (int64_t i = 0; i < queries * dim; ++i) q.push_back(T(float(i * i % 7 - 3)));
      for (int64_t i = 0; i < rows * dim; ++i) bank.push_back(T(float(i * i % 1009 % 5 - 2)));
      Found wanted = on_host(shape, q, bank), found = on_device(shape, q, bank);
      CHECK(found.values == wanted.values);
      CHECK(found.index == wanted.index);
    }
}

TEST_CASE("neighbours among rows of any alignment have f32's precision on the device", "[cuda][topk]") {
  for (int64_t offset : {0, 1}) {
    TopK shape{37, 611, 24, 10, Metric::dot};
    std::vector<float> q = numbers<float>(37 * 24, 0.3), bank = numbers<float>(611 * 24, 1.1);
    Found wanted = on_host(shape, q, bank), found = on_device(shape, q, bank, offset);
    CHECK(difference(found.values, wanted.values) < 1e-6);
  }
}

TEST_CASE("NaN is nobody's neighbour on the device", "[cuda][topk]") {
  float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> bank{1, nan, 3, nan, -2};
  Found found = on_device<float>({1, 5, 1, 5, Metric::dot}, {1}, bank);
  CHECK(found.index == std::vector<int64_t>{2, 0, 4, -1, -1});
  CHECK(found.values[3] == -std::numeric_limits<float>::infinity());
}
