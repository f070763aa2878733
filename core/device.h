#pragma once

#include <cstdint>
#include <string>

namespace fovea {

// Where a tensor's memory lies: Device::cpu(), Device::cuda(1).
struct Device {
  enum Type : uint8_t { cpu_type, cuda_type } type = cpu_type;
  int8_t index = 0;

  static constexpr Device cpu() { return {}; }
  static constexpr Device cuda(int index = 0) { return {cuda_type, int8_t(index)}; }
  constexpr bool is_cpu() const { return type == cpu_type; }
  constexpr bool is_cuda() const { return type == cuda_type; }
  bool operator==(const Device&) const = default;
  std::string str() const { return is_cpu() ? "cpu" : "cuda:" + std::to_string(index); }
};

// The CUDA devices that can be used: 0 in builds without CUDA and on machines without a driver.
int cuda_devices();
// cuda:0 where there is one, else the CPU.
Device default_device();

}  // namespace fovea
