#include <fovea/kernels/low_rank.h>

#include <array>
#include <vector>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

using Numbers = OnBoth<float>;

// {rows, cols, rank, elements behind an aligned address}
const std::vector<std::array<int64_t, 4>> kShapes{{1, 1, 1, 0},    {5, 37, 3, 0},     {70, 16, 2, 0},
                                                  {33, 256, 4, 1}, {67, 1032, 17, 0}, {130, 520, 16, 0},
                                                  {9, 2056, 5, 0}, {40, 136, 300, 0}};

}  // namespace

TEMPLATE_TEST_CASE("low-rank merging on the device agrees with f64", "[cuda][low_rank]", float, bf16) {
  using T = TestType;
  const double tolerance = sizeof(T) == 2 ? 5e-3 : 6e-6;
  Cuda ctx = cuda(0);
  const bool clusters = GENERATE(true, false);
  if (!clusters) ctx.capability = std::min(ctx.capability, 80);
  for (auto [rows, cols, rank, behind] : kShapes) {
    CAPTURE(clusters, rows, cols, rank, behind);
    OnBoth<T> weight(rows * cols, 1, 0, behind), merged(rows * cols, 2, 0, behind);
    Numbers a(rank * cols, 3), b(rows * rank, 4), magnitude(rows, 5, 6), norm(rows, 6);
    const LowRank<T> here{rows, cols, rank, 0.25, a.data(), b.data()};
    const LowRank<double> there{rows, cols, rank, 0.25, a.exact.data(), b.exact.data()};
    low_rank_merge<T>(ctx, here, weight.data(), merged.data());
    low_rank_merge<double>(cpu(), there, weight.exact.data(), merged.exact.data());
    CHECK(merged.error() < tolerance);
    dora_merge<T>(ctx, here, weight.data(), magnitude.data(), merged.data(), norm.data());
    dora_merge<double>(cpu(), there, weight.exact.data(), magnitude.exact.data(), merged.exact.data(),
                       norm.exact.data());
    CHECK(merged.error() < tolerance);
    CHECK(norm.error() < 2e-6);
    low_rank_unmerge<T>(ctx, here, weight.data(), magnitude.data(), norm.data(), merged.data());
    low_rank_unmerge<double>(cpu(), there, weight.exact.data(), magnitude.exact.data(), norm.exact.data(),
                             merged.exact.data());
    CHECK(merged.error() < tolerance);
    low_rank_merge<T>(ctx, here, weight.data(), weight.data());  // in place
    low_rank_merge<double>(cpu(), there, weight.exact.data(), weight.exact.data());
    CHECK(weight.error() < tolerance);
  }
}

TEMPLATE_TEST_CASE("low-rank adapters' gradients on the device agree with f64", "[cuda][low_rank]", float, bf16) {
  using T = TestType;
  Cuda& ctx = cuda(0);
  for (auto [rows, cols, rank, behind] : kShapes) {
    CAPTURE(rows, cols, rank, behind);
    OnBoth<T> weight(rows * cols, 1, 0, behind), g(rows * cols, 2, 0, behind);
    Numbers a(rank * cols, 3), b(rows * rank, 4), magnitude(rows, 5, 6), norm(rows, 6, 9);
    Numbers da(rank * cols, 7), db(rows * rank, 8), dm(rows, 9);
    const LowRank<T> here{rows, cols, rank, 0.25, a.data(), b.data()};
    const LowRank<double> there{rows, cols, rank, 0.25, a.exact.data(), b.exact.data()};
    low_rank_backward<T>(ctx, here, nullptr, nullptr, nullptr, g.data(), {da.data(), db.data(), nullptr});
    low_rank_backward<double>(cpu(), there, nullptr, nullptr, nullptr, g.exact.data(),
                              {da.exact.data(), db.exact.data(), nullptr});
    CHECK(da.error() < 5e-6);
    CHECK(db.error() < 5e-6);
    low_rank_backward<T>(ctx, here, weight.data(), magnitude.data(), norm.data(), g.data(),
                         {da.data(), db.data(), dm.data()});
    low_rank_backward<double>(cpu(), there, weight.exact.data(), magnitude.exact.data(), norm.exact.data(),
                              g.exact.data(), {da.exact.data(), db.exact.data(), dm.exact.data()});
    CHECK(da.error() < 5e-6);
    CHECK(db.error() < 5e-6);
    CHECK(dm.error() < 1e-5);
  }
}
