#pragma once

#include <fovea/nn/module.h>

namespace fovea::nn {

// teacher = momentum teacher + (1 - momentum) student for every parameter, in one pass; buffers (a batch norm's running
// statistics) are the teacher's own. Both modules must have the same parameters by name and shape, as a copy has.
void ema_update(Module& teacher, Module& student, double momentum);
// With the momentum, f32 of rank 0, on the modules' device: for a step that is captured in a CUDA graph and replayed
// with other momenta. Optimizer::set_teacher does the same within the optimiser's step, for less memory traffic.
void ema_update(Module& teacher, Module& student, const Tensor& momentum);

}  // namespace fovea::nn
