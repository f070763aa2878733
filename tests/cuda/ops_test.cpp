#include <cstdio>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using namespace fovea::testing;

// Each row is a section: fovea_cuda_tests "every op*" -c "relu" runs one.
static void compare(Dtype dtype) {
  bool rounded = dtype == Dtype::bf16;
  for (const OpCase& op : op_cases()) {
    if (rounded && !op.bf16) continue;
    DYNAMIC_SECTION(op.name) {
      std::vector<Tensor> reference = result_and_gradients(op, Dtype::f64, Device::cpu(), rounded);
      std::vector<Tensor> result = result_and_gradients(op, dtype, Device::cuda(), rounded);
      REQUIRE(result.size() == reference.size());
      for (size_t i = 0; i < result.size(); ++i) {
        INFO((i ? "gradient " + std::to_string(i - 1) : "result"));
        CHECK(relative_error(result[i].to(Device::cpu()), reference[i], op.zero) <=
              (rounded ? op.bf16_tolerance : op.f32_tolerance));
      }
    }
  }
}

TEST_CASE("every op in f32 on the device agrees with f64 on the CPU", "[cuda][ops]") {
  compare(Dtype::f32);
}
TEST_CASE("every op in bf16 on the device agrees with f64 on the CPU", "[cuda][ops]") {
  compare(Dtype::bf16);
}

// FNV-1a.
static uint64_t hash_of(const Tensor& t) {
  uint64_t hash = 0xcbf29ce484222325u;
  Tensor host = t.to(Device::cpu());
  const auto* bytes = static_cast<const uint8_t*>(host.raw());
  for (size_t i = 0; i < host.bytes(); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  return hash;
}

// Hidden: same_bits.sh compares what two runs print.
TEST_CASE("the bits of every op's result and gradients", "[.bits]") {
  for (const OpCase& op : op_cases())
    for (Dtype dtype : {Dtype::f32, Dtype::bf16}) {
      if (dtype == Dtype::bf16 && !op.bf16) continue;
      std::printf("%s %s", op.name.c_str(), std::string(name_of(dtype)).c_str());
      for (const Tensor& t : result_and_gradients(op, dtype, Device::cuda(), dtype == Dtype::bf16))
        std::printf(" %016llx", static_cast<unsigned long long>(hash_of(t)));
      std::printf("\n");
    }
  SUCCEED();
}
