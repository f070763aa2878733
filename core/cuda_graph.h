#pragma once

#include <functional>

#include <fovea/core/device.h>
#include <fovea/core/random.h>

namespace fovea {

// In builds with CUDA. A step of training as one launch: `step` runs once with its kernels recorded instead of done,
// and what is returned asks the device to do them, again and again, in a few microseconds of the host.
//
// What is recorded are kernels with their arguments and memory. So a step that is captured
//   - reads its inputs from tensors that live as long as the graph: copy_() each batch into them;
//   - must not wait for the device (item(), printing) or copy from the CPU's memory: both throw;
//   - draws from generators that live as long as the graph: each replay draws what the step would, from where they are;
//   - computes on the host once: only what kernels do happens again, and what before_each_replay() was told. Optimisers
//     bring their learning rate and count of steps to a replay that way, so they live as long as the graph too.
// Run the step a few times before, so that nothing is set up for the first time while it is recorded. Its temporaries
// keep their memory as long as the function that is returned, or a copy of it, lives.
std::function<void()> capture_graph(Device device, const std::function<void()>& step);

// True while a step is recorded for this device.
bool capturing(Device device);
// For what is called while a step is recorded: before each replay the host does `action`, say to put() numbers where
// the recorded kernels read them.
void before_each_replay(std::function<void()> action);
// Generator::draw() while this thread records a step for the device: counters that each replay reserves in its turn.
kernels::RandomState draw_in_replays(Generator& generator, int64_t n, Device device);
// How many numbers of each replay this thread's recording has drawn from a generator, to go back there and draw the
// same again. Without a recording 0, and nothing.
int64_t replay_draws(const Generator& generator);
void set_replay_draws(const Generator& generator, int64_t draws);

}  // namespace fovea
