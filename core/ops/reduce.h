#pragma once

#include <vector>

#include <fovea/core/tensor.h>

// Reductions. Name std as fovea::std where namespace std is used too. `dims` empty means all dimensions; negative
// counts from the end. Sums accumulate in f32 (f64 for f64).
namespace fovea {

Tensor sum(const Tensor& x, const std::vector<int>& dims = {}, bool keepdim = false);
Tensor mean(const Tensor& x, const std::vector<int>& dims = {}, bool keepdim = false);
Tensor max(const Tensor& x, const std::vector<int>& dims = {}, bool keepdim = false);  // amax: ties share
Tensor min(const Tensor& x, const std::vector<int>& dims = {}, bool keepdim = false);
Tensor var(const Tensor& x, const std::vector<int>& dims = {}, double correction = 1, bool keepdim = false);
Tensor std(const Tensor& x, const std::vector<int>& dims = {}, double correction = 1, bool keepdim = false);
Tensor logsumexp(const Tensor& x, const std::vector<int>& dims, bool keepdim = false);

// The index of the largest element along dim (the first at ties), i64, not differentiable.
Tensor argmax(const Tensor& x, int dim = -1, bool keepdim = false);

// x / max(||x||, eps) along dim: PyTorch's F.normalize with p = 2.
Tensor normalize(const Tensor& x, int dim = -1, double eps = 1e-12);
// Sum of a * b over dim divided by the product of the norms, each at least eps.
Tensor cosine_similarity(const Tensor& a, const Tensor& b, int dim = -1, double eps = 1e-8);

}  // namespace fovea
