#pragma once

// Private to kernels/conv*.cpp: the weight gradient as one matrix product, dy^T times the patches of x laid out as
// rows.
#include <fovea/kernels/conv.h>

namespace fovea::kernels::columns {

// Where this beats oneDNN's direct bf16 kernels: small output maps and 1x1 kernels, whose patches are few. There the
// direct kernels' tiles stay half empty (measured on a CPU with AMX: 2.7 times as long at 4x4 maps of 512 channels).
bool fits(const Conv2dShape& shape);

// Needs room for the patches: n * out_h * out_w * kh * kw * c elements (none for 1x1 kernels of stride 1).
void backward_weights(Cpu& context, const Conv2dShape& shape, const bf16* x, const bf16* dy, float* dweight);

}  // namespace fovea::kernels::columns
