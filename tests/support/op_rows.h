#pragma once

#include <functional>
#include <string>
#include <vector>

#include <fovea/core/ops.h>

// The op table: one row serves the f64 gradient check, f32 against f64, bf16 against f64, and the benchmarks.
namespace fovea::testing {

enum class Fill {
  normal,    // standard normal
  positive,  // uniform in [0.5, 2]
  away,      // normal, pushed 0.1 away from 0: for kinks at 0 (relu, abs, max against 0)
  spread,    // a shuffled ramp with steps of 0.05: no two elements closer, for max, max pooling, sort-like ops
  index,     // i64 in [0, limit)
  mask,      // u8, 0 or 1
  unit,      // uniform in (0, 1)
  simplex,   // rows of non-negative numbers that sum to 1
};

struct Input {
  Shape shape;
  Fill fill = Fill::normal;
  int64_t limit = 0;           // Fill::index only
  bool differentiable = true;  // floating fills only
};

using Inputs = std::vector<Tensor>;

// What is smaller everywhere counts as a zero with rounding.
inline constexpr double kZero = 1e-6;

struct OpCase {
  std::string name;  // the op, then what is special: "conv2d stride 2"
  std::vector<Input> inputs;
  std::function<Tensor(const Inputs&)> f;
  bool bf16 = true;                  // false: the op takes no bf16
  double gradient_tolerance = 1e-6;  // largest gradient_error
  double f32_tolerance = 1e-5;       // largest relative_error of f32 against f64, of the result and every gradient
  double bf16_tolerance = 0.02;      // the same for bf16 against f64 on the same (rounded) inputs
  double zero = kZero;               // of both errors; more where terms of size 1 cancel for good
};

// The inputs of a row, the same every time: floating ones in `dtype` (rounded to bf16 first when `rounded`).
Inputs make_inputs(const OpCase& op, Dtype dtype, bool rounded = false);

// A file's rows add themselves: `static const AddOpRows table([]() -> std::vector<OpCase> { ... });`. A file is named
// as the source that it serves: op_rows/conv.cpp for core/ops/conv.cpp, op_rows/losses_clustering.cpp for
// losses/clustering/.
struct AddOpRows {
  explicit AddOpRows(std::vector<OpCase> (*rows)(), const char* file = __builtin_FILE());
};
// Every row.
const std::vector<OpCase>& op_cases();

// A row's result and the gradients of its differentiable inputs, in one dtype on one device, for a fixed upstream one.
std::vector<Tensor> result_and_gradients(const OpCase& op, Dtype dtype, Device device, bool rounded);

// The largest max |analytic - numeric| / max(op.zero, max |numeric|) of any differentiable input, by central
// differences in f64, of the sum of f's result weighted with fixed pseudo-random numbers. Differences are forgiven what
// rounding of the results may do to them: an epsilon of every result that moved, over the distance. Of large inputs
// (600 elements and more) it takes some hundreds of elements, spread evenly.
double gradient_error(const OpCase& op);

// max |a - b| / max(zero, max |b|). Infinity when the shapes differ or a value is not finite on one side only.
double relative_error(const Tensor& a, const Tensor& b, double zero = kZero);

}  // namespace fovea::testing
