#pragma once

#include <functional>
#include <string>

#include <fovea/core/tensor.h>

// In builds with CUDA: times of what a device does, by its own clock.
namespace fovea::bench {

class DeviceTimer {
 public:
  explicit DeviceTimer(Device device);
  ~DeviceTimer();
  DeviceTimer(const DeviceTimer&) = delete;
  DeviceTimer& operator=(const DeviceTimer&) = delete;

  // Seconds between the start and the end of what `work` asks of the device. Waits for it.
  double seconds(const std::function<void()>& work);
  // Evicts what the L2 cache holds.
  void flush_l2();

 private:
  struct Events;
  Device device_;
  Events* events_;
  Tensor eviction_;
};

// "NVIDIA H100 80GB HBM3, 132 multiprocessors"
std::string device_name(Device device);

}  // namespace fovea::bench
