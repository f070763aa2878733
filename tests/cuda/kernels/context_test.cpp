#include <fovea/core/allocator.h>
#include <fovea/core/autograd.h>
#include <fovea/core/tensor.h>
#include <fovea/kernels/device_scratch.h>

#include "support/catch.h"

using namespace fovea;

TEST_CASE("tensors travel to the device and back", "[cuda]") {
  for (Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::i64, Dtype::u8}) {
    Tensor x = Tensor::arange(257).to(dtype), there = x.to(Device::cuda());
    CHECK(there.device() == Device::cuda());
    CHECK(there.to(Device::cpu()).to_vector<double>() == x.to_vector<double>());
    CHECK(there.clone().to_vector<double>() == x.to_vector<double>());
  }
  CHECK(Tensor::empty({0, 3}, Dtype::f32, Device::cuda()).to(Device::cpu()).numel() == 0);
}

TEST_CASE("fills and casts on the device are those of the CPU", "[cuda]") {
  Tensor values = Tensor::from<float>({5}, {-1.5f, 0.0f, 1.0039062f, 2.7f, 200.0f});
  for (Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::i64}) {
    CHECK(values.to(Device::cuda()).to(dtype).to_vector<double>() == values.to(dtype).to_vector<double>());
    CHECK(Tensor::full({1000}, 3, dtype, Device::cuda()).to_vector<double>() == std::vector<double>(1000, 3));
  }
}

TEST_CASE("a gradient crosses devices", "[cuda]") {
  Tensor x = Tensor::ones({3});
  x.set_requires_grad();
  Tensor y = x.to(Device::cuda());
  y.backward(Tensor::full({3}, 2, Dtype::f32, Device::cuda()));
  CHECK(x.grad().to_vector<double>() == std::vector<double>{2, 2, 2});
}

TEST_CASE("a device that runs out of memory says what it was asked for", "[cuda]") {
  CHECK_THROWS_WITH(Tensor::empty({int64_t(1) << 50}, Dtype::f32, Device::cuda()),
                    Catch::Contains("cuda:0 is out of memory: asked for 4503599627370496 bytes"));
  CHECK_THROWS_AS(Tensor::empty({1}, Dtype::f32, Device::cuda(7)), std::runtime_error);
}

TEST_CASE("scratch of a device nests and is given back", "[cuda]") {
  kernels::Cuda& ctx = kernels::cuda(0);
  void* first;
  {
    kernels::DeviceScratch outer(ctx);
    first = outer.bytes(1000);
    kernels::DeviceScratch inner(ctx);
    CHECK(inner.bytes(1 << 20) != first);
  }
  kernels::DeviceScratch again(ctx);
  if (!kernels::cuda_no_cache()) CHECK(again.bytes(10) == first);
}
