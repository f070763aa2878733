#include <fovea/kernels/cholesky.h>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

TEST_CASE("the inverse Cholesky factor on the device agrees with f64, whatever the alignment", "[cuda][linalg]") {
  for (auto [count, n, offset] : {std::array<int64_t, 3>{1, 1, 0}, {3, 5, 1}, {2, 33, 0}, {1, 130, 0}}) {
    INFO(count << " matrices of " << n << ", " << offset << " elements off");
    std::vector<float> s = numbers<float>(count * n * n, 0.4);
    for (int64_t i = 0; i < count * n; ++i) s[size_t(i * n + i % n)] = float(2 * n + i % 7);  // dominates its row
    const std::vector<double> wide = widened(s);
    std::vector<double> wanted(wide.size());
    cholesky_inverse(cpu(), count, n, 0.5, 0.25, wide.data(), wanted.data());
    OnDevice<float> there(s, offset), w = OnDevice<float>::zeros(count * n * n, offset);
    cholesky_inverse(cuda(0), count, n, 0.5, 0.25, there.data(), w.data());
    CHECK(difference(w.host(), wanted) < 1e-6);
    std::vector<float> mirrored = s;
    mirror_lower(cpu(), count, n, mirrored.data());
    mirror_lower(cuda(0), count, n, there.data());
    CHECK(there.host() == mirrored);
  }
}

TEST_CASE("the largest matrix fits a block; a singular one gives NaN", "[cuda][linalg]") {
  const int64_t n = kMaxCholesky;
  std::vector<float> s(size_t(n * n), 0.0f);
  for (int64_t i = 0; i < n; ++i) s[size_t(i * n + i)] = 4;
  OnDevice<float> there(s), w = OnDevice<float>::zeros(n * n);
  cholesky_inverse(cuda(0), 1, n, 1, 0, there.data(), w.data());
  std::vector<float> host = w.host();
  for (int64_t i = 0; i < n * n; ++i)
    if (host[size_t(i)] != (i % (n + 1) == 0 ? 0.5f : 0.0f)) FAIL("at " << i << ": " << host[size_t(i)]);
  OnDevice<float> ones(std::vector<float>(9, 1.0f)), none = OnDevice<float>::zeros(9);
  cholesky_inverse(cuda(0), 1, 3, 1, 0, ones.data(), none.data());
  CHECK(std::isnan(none.host()[8]));
}
