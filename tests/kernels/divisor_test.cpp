#include <fovea/kernels/base/divisor.h>

#include <initializer_list>

#include "support/catch.h"

using namespace fovea::kernels;

TEST_CASE("a divisor gives the quotients and remainders of the division it stands for", "[kernels][divisor]") {
  constexpr int64_t kOne = 1;
  int64_t wrong = 0;
  for (int bits = 0; bits < 40; ++bits)
    for (int64_t d : {kOne << bits, (kOne << bits) + 1, (kOne << bits) - 1, (kOne << bits) * 5 / 3}) {
      if (d < 1) continue;
      const Divisor divisor(d);
      for (int64_t near : {int64_t(0), kOne << 16, (kOne << 31) - 1, kOne << 31, kOne << 45})
        for (int64_t n : {near, near + 1, near / d * d, near / d * d - 1, near / d * d + d - 1}) {
          if (n < 0) continue;
          const Division found = divisor.divide(n);
          wrong += found.quotient != n / d || found.remainder != n % d;
          if (n >> 31 == 0) wrong += divisor.quotient(int(n)) != n / d;
        }
    }
  CHECK(wrong == 0);
}
