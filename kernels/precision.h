#pragma once

namespace fovea::kernels {

// How CUDA multiplies f32 matrices (matmul, convolutions): `highest` in f32 proper, `tf32` on the tensor cores with
// operands rounded to 10 bits of mantissa and sums in f32. The CPU always does the first.
enum class Float32Precision { highest, tf32 };

// One setting for the process, `highest` at first, for the kernels launched from then on; any thread may call.
Float32Precision float32_precision();
void set_float32_precision(Float32Precision);

}  // namespace fovea::kernels
