#pragma once

#include <vector>

#include <fovea/core/tensor.h>

// Moving elements. Results that need no move are views: reshapes, rows of dimension 0, permutations of dimensions of
// one element, and the concat of neighbouring rows of one tensor without gradients. Any dtype; gradients if floating.
namespace fovea {

Tensor reshape(const Tensor& x, const std::vector<int64_t>& sizes);    // a view; one size may be -1
Tensor flatten(const Tensor& x, int start_dim = 0, int end_dim = -1);  // a view
Tensor squeeze(const Tensor& x, int dim);                              // a view
Tensor unsqueeze(const Tensor& x, int dim);                            // a view
Tensor permute(const Tensor& x, const std::vector<int>& dims);
Tensor transpose(const Tensor& x, int a, int b);
Tensor concat(const std::vector<Tensor>& parts, int dim = 0);
Tensor stack(const std::vector<Tensor>& parts, int dim = 0);
// Elements begin, begin + step, ... < end of dimension dim; negative begin and end count from the end, as in Python.
Tensor slice(const Tensor& x, int dim, int64_t begin, int64_t end, int64_t step = 1);
std::vector<Tensor> chunk(const Tensor& x, int chunks, int dim = 0);
Tensor flip(const Tensor& x, const std::vector<int>& dims);

enum class PadMode { constant, reflect, replicate };
struct PadWidth {
  int64_t before = 0, after = 0;
};
// One width a dimension, first dimension first (unlike PyTorch's F.pad, which starts at the last). At least 0 each.
Tensor pad(const Tensor& x, const std::vector<PadWidth>& widths, PadMode mode = PadMode::constant, double value = 0);

Tensor repeat(const Tensor& x, const std::vector<int64_t>& times);  // tiles, as torch.Tensor.repeat
Tensor expand(const Tensor& x, const Shape& shape);                 // broadcasts to shape (a copy)

// Rows of dimension 0: out[i] = x[index[i]], index i64 [K]. Throws Error for an index out of range.
Tensor gather_rows(const Tensor& x, const Tensor& index);
// zeros [rows, ...] with out[index[i]] += x[i]; indices may repeat and are added in order: deterministic.
Tensor scatter_rows(const Tensor& x, const Tensor& index, int64_t rows);
// x with rows[i] in place of its row index[i], as torch.index_copy along dimension 0; of equal indices the last counts.
// For buffers: no gradient flows. An x that is given away (std::move) is changed where it lies if nobody else sees it.
Tensor index_copy(Tensor x, const Tensor& index, const Tensor& rows);
// Batched rows: x [N, T, ...], index i64 [N, K] -> [N, K, ...]. MAE's token selection.
Tensor gather_tokens(const Tensor& x, const Tensor& index);
// One element a row: x [N, C], index i64 [N] -> [N].
Tensor pick(const Tensor& x, const Tensor& index);

// weight [V, D], ids i64 of any shape -> ids.shape + [D].
Tensor embedding(const Tensor& weight, const Tensor& ids);
// labels i64 of any shape -> labels.shape + [classes], f32, not differentiable.
Tensor one_hot(const Tensor& labels, int64_t classes);

}  // namespace fovea
