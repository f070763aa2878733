#include <fovea/kernels/match.h>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

TEMPLATE_TEST_CASE("matches on the device are the CPU's", "[cuda][match]", float, bf16) {
  using T = TestType;
  for (auto [images, from, to, dim, count, offset] : {std::array<int64_t, 6>{1, 1, 1, 1, 1, 0},
                                                      {3, 7, 5, 2, 4, 1},
                                                      {2, 16, 49, 33, 16, 0},
                                                      {2, 300, 3, 1, 20, 0},
                                                      {5, 49, 16, 130, 20, 1}}) {
    INFO(images << " images, " << from << " to " << to << " places of " << dim << ", " << count << " matches");
    const Match shape{images, from, to, dim, count};
    // Multiples of 1/4: all sums and products are exact, and there are ties.
    std::vector<T> a, b;
    for (int64_t i = 0; i < images * from * dim; ++i) a.push_back(T(float(i * i % 1009 % 13 - 6) / 4));
    for (int64_t i = 0; i < images * to * dim; ++i) b.push_back(T(float(i * i % 997 % 11 - 5) / 4));
    std::vector<int64_t> a_places(size_t(images * count)), b_places = a_places;
    match_nearest(cpu(), shape, a.data(), b.data(), a_places.data(), b_places.data());
    OnDevice<T> there_a(a, offset), there_b(b, offset);
    OnDevice<int64_t> found_a = OnDevice<int64_t>::zeros(images * count),
                      found_b = OnDevice<int64_t>::zeros(images * count);
    match_nearest(cuda(0), shape, there_a.data(), there_b.data(), found_a.data(), found_b.data());
    CHECK(found_a.host() == a_places);
    CHECK(found_b.host() == b_places);
  }
}

TEST_CASE("the centres of cells on the device are the CPU's", "[cuda][match]") {
  for (auto [images, height, width] : {std::array<int64_t, 3>{1, 1, 1}, {3, 4, 4}, {67, 7, 5}}) {
    std::vector<float> affine = numbers<float>(images * 6, 0.4, 30), wanted(size_t(images * height * width * 2));
    cell_centres(cpu(), affine.data(), images, height, width, wanted.data());
    OnDevice<float> there(affine), centres = OnDevice<float>::zeros(int64_t(wanted.size()));
    cell_centres(cuda(0), there.data(), images, height, width, centres.data());
    CHECK(difference(centres.host(), wanted) < 1e-6);
  }
}
