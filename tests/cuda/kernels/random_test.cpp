#include <fovea/kernels/random.h>

#include <fovea/kernels/image.h>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

TEST_CASE("random numbers on the device are the CPU's", "[cuda][random]") {
  const uint64_t offset = (uint64_t(1) << 32) - 3;  // the counter's low word overflows on the way
  for (int64_t n : {0, 1, 5, 4096, 4099})
    for (int64_t shift : {0, 1}) {
      INFO(n << " numbers, shift " << shift);
      std::vector<float> x(static_cast<size_t>(n));
      std::vector<uint8_t> mask(static_cast<size_t>(n));
      OnDevice<float> there(x, shift);
      OnDevice<uint8_t> mask_there(mask, shift);
      fill_uniform(cpu(), x.data(), n, -2, 3, {77, offset});
      fill_uniform(cuda(0), there.data(), n, -2, 3, {77, offset});
      CHECK(difference(there.host(), x) <= 2e-7);  // a multiplication and an addition, fused or not
      fill_normal(cpu(), x.data(), n, 1, 2, {77, offset});
      fill_normal(cuda(0), there.data(), n, 1, 2, {77, offset});
      CHECK(difference(there.host(), x) <= 1e-6);
      fill_bernoulli(cpu(), mask.data(), n, 0.3f, {77, offset});
      fill_bernoulli(cuda(0), mask_there.data(), n, 0.3f, {77, offset});
      CHECK(mask_there.host() == mask);
    }
}

TEST_CASE("pixels are normalised on the device", "[cuda][image]") {
  const float scale[3] = {0.5f, 0.25f, 2}, bias[3] = {-1, 3, 0.125f};
  for (int64_t pixels : {0, 1, 5, 341})
    for (int64_t offset : {0, 1}) {
      std::vector<uint8_t> x;
      for (int64_t i = 0; i < 3 * pixels; ++i) x.push_back(uint8_t(i * 37));
      std::vector<float> out(x.size());
      OnDevice<uint8_t> x_there(x, offset);
      OnDevice<float> there(out, offset);
      normalize_rgb(cpu(), x.data(), out.data(), pixels, scale, bias);
      normalize_rgb(cuda(0), x_there.data(), there.data(), pixels, scale, bias);
      CHECK(there.host() == out);
    }
}
