#include <fovea/kernels/sigreg.h>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

TEST_CASE("SIGReg on the device agrees with f64 for any shape and alignment", "[cuda][sigreg]") {
  for (auto [views, rows, slices, offset] :
       {std::array<int64_t, 4>{1, 1, 1, 0}, {2, 33, 7, 1}, {3, 5, 17, 0}, {1, 300, 64, 0}, {2, 67, 9, 3}}) {
    INFO(views << " views, " << rows << " rows, " << slices << " slices, " << offset << " elements off");
    const SigReg shape{views, rows, slices};
    std::vector<float> p = numbers<float>(views * rows * slices, 0.3, 1.5);
    std::vector<double> gradient = widened(p), statistic(size_t(views * slices));
    sigreg(cpu(), shape, gradient.data(), statistic.data(), true);
    for (bool backward : {false, true}) {
      OnDevice<float> there(p, offset), found = OnDevice<float>::zeros(views * slices, offset);
      sigreg(cuda(0), shape, there.data(), found.data(), backward);
      CHECK(difference(found.host(), statistic) < 1e-5);
      if (backward)
        CHECK(difference(there.host(), gradient) < 1e-5);
      else
        CHECK(there.host() == p);
    }
  }
}
