#pragma once

#include <functional>

#include <fovea/core/device.h>

namespace fovea {

// In builds with CUDA. A step of training as one launch: `step` runs once with its kernels recorded instead of done,
// and what is returned asks the device to do them, again and again, in a few microseconds of the host.
//
// What is recorded are kernels with their arguments and memory. So a step that is captured
//   - reads its inputs from tensors that live as long as the graph: copy_() each batch into them;
//   - must not wait for the device (item(), printing), copy from the CPU's memory or draw random numbers (a replay
//   would
//     draw the same ones): all three throw;
//   - computes on the host once: only what kernels do happens again. Optimizer::before_replay() says how the learning
//     rate and the count of steps reach a replay.
// Run the step a few times before, so that nothing is set up for the first time while it is recorded. Its temporaries
// keep their memory as long as the function that is returned, or a copy of it, lives.
std::function<void()> capture_graph(Device device, const std::function<void()>& step);

// True while a step is recorded for this device.
bool capturing(Device device);
// Throws Error then: for ops that draw random numbers.
void check_not_captured(const char* op, Device device);

}  // namespace fovea
