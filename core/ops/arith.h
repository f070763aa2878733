#pragma once

#include <fovea/core/tensor.h>

// Elementwise arithmetic. Two tensors broadcast as in PyTorch and must share a floating dtype and a device.
namespace fovea {

Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, double b);
Tensor operator-(const Tensor& a, double b);
Tensor operator*(const Tensor& a, double b);
Tensor operator/(const Tensor& a, double b);
Tensor operator+(double a, const Tensor& b);
Tensor operator-(double a, const Tensor& b);
Tensor operator*(double a, const Tensor& b);
Tensor operator/(double a, const Tensor& b);
Tensor operator-(const Tensor& x);

Tensor maximum(const Tensor& a, const Tensor& b);  // at ties both get half of the gradient, as in PyTorch
Tensor minimum(const Tensor& a, const Tensor& b);

Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor square(const Tensor& x);
Tensor pow(const Tensor& x, double exponent);
Tensor abs(const Tensor& x);                             // gradient 0 at 0
Tensor clamp(const Tensor& x, double low, double high);  // gradient 1 between the bounds, 0 on them, as in PyTorch 2.15

// Comparisons give u8: 1 where true. Any dtype, not differentiable.
Tensor operator==(const Tensor& a, const Tensor& b);
Tensor operator!=(const Tensor& a, const Tensor& b);
Tensor operator<(const Tensor& a, const Tensor& b);
Tensor operator<=(const Tensor& a, const Tensor& b);
Tensor operator>(const Tensor& a, const Tensor& b);
Tensor operator>=(const Tensor& a, const Tensor& b);
Tensor operator==(const Tensor& a, double b);
Tensor operator!=(const Tensor& a, double b);
Tensor operator<(const Tensor& a, double b);
Tensor operator<=(const Tensor& a, double b);
Tensor operator>(const Tensor& a, double b);
Tensor operator>=(const Tensor& a, double b);

// a where condition (u8) is not 0, else b; the three broadcast.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);

// y += alpha * x and y *= alpha in place, of one shape and dtype. Error while gradients are recorded if y requires one.
Tensor& add_(Tensor& y, const Tensor& x, double alpha = 1);
Tensor& mul_(Tensor& y, double alpha);
// The same for counts: x += by, i64.
Tensor& increment_(Tensor& x, int64_t by = 1);

}  // namespace fovea
