#pragma once

#include <fovea/nn/module.h>

// What methods remember of earlier batches. No gradient flows into it, and it is part of a checkpoint. Nothing here is
// written in place while somebody still holds it: what rows() gave stays as it was, so a loss may read the memory and
// the memory may then be updated, before the backward pass.
namespace fovea::models {

struct QueueOptions {
  int64_t size = 0, dim = 0;
};

// The last `size` rows that were pushed, f32 [size, dim], newest first (MoCo, He et al., 2019). Starts with random rows
// of length 1. State name: "rows".
class Queue : public nn::Module {
 public:
  explicit Queue(const QueueOptions& options, Generator& generator = default_generator());
  const Tensor& rows() const { return rows_.value; }
  int64_t size() const { return rows_.value.size(0); }
  // Puts `rows` [N, dim] of any floating dtype in front, as they are, and forgets as many of the oldest. N may be any
  // number: of more rows than `size` the first are kept. Moves size * dim elements.
  void push(const Tensor& rows);
  void visit(nn::Visitor& v) override { v("rows", rows_); }
  std::string describe() const override;

 private:
  nn::Buffer rows_;
};

struct MemoryBankOptions {
  int64_t images = 0, dim = 0;
};

// One row for each image of a dataset, f32 [images, dim] (Wu et al., 2018, arXiv:1805.01978). Starts uniform in
// +-sqrt(3 / dim), so that rows have about length 1. State name: "rows".
class MemoryBank : public nn::Module {
 public:
  explicit MemoryBank(const MemoryBankOptions& options, Generator& generator = default_generator());
  const Tensor& rows() const { return rows_.value; }
  int64_t size() const { return rows_.value.size(0); }
  // A copy of the rows of the images index i64 [N]: [N, dim].
  Tensor at(const Tensor& index) const { return gather_rows(rows_.value, index); }
  // The rows of k images drawn on the device, the same one maybe twice: [k, dim]. Each image has chance 1 / size() up
  // to 2^-24.
  Tensor sample(int64_t k, Generator& generator = default_generator()) const;
  // row = l2(momentum row + (1 - momentum) l2(value)) for the images index [N], values [N, dim] of any floating dtype.
  // Of an image that stands in `index` more than once the last value counts. Moves N * dim elements, and the whole bank
  // only if somebody holds rows().
  void update(const Tensor& index, const Tensor& values, double momentum = 0.5);
  void visit(nn::Visitor& v) override { v("rows", rows_); }
  std::string describe() const override;

 private:
  nn::Buffer rows_;
};

}  // namespace fovea::models
