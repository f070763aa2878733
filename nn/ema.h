#pragma once

#include <fovea/nn/module.h>

namespace fovea::nn {

// teacher = momentum teacher + (1 - momentum) student for every parameter, in one pass; buffers (a batch norm's running
// statistics) are the teacher's own. Both modules must have the same parameters by name and shape, as a copy has.
void ema_update(Module& teacher, Module& student, double momentum);

}  // namespace fovea::nn
