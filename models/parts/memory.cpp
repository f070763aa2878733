#include <fovea/models/parts/memory.h>

#include <cmath>

#include <fovea/core/check.h>

namespace fovea::models {

namespace {

void check_size(const char* what, int64_t size, int64_t dim) {
  check(size > 0 && dim > 0, "{}: want at least one row and one column, got {} x {}", what, size, dim);
}

// What is to be remembered, as the memory keeps it.
Tensor kept(const char* what, const Tensor& values, const Tensor& memory) {
  check(values.rank() == 2 && values.size(1) == memory.size(1) && is_float(values.dtype()) &&
            values.device() == memory.device(),
        "{}: want rows [N, {}] on {}, got {} {} on {}", what, memory.size(1), memory.device(), name_of(values.dtype()),
        values.shape(), values.device());
  return values.detach().to(memory.dtype());
}

}  // namespace

Queue::Queue(const QueueOptions& options, Generator& generator) {
  const auto [size, dim] = options;
  check_size("Queue", size, dim);
  rows_ = normalize(randn({size, dim}, generator));
}

void Queue::push(const Tensor& rows) {
  NoGrad no_grad;
  Tensor added = kept("Queue", rows, rows_.value);
  const int64_t n = std::min(added.size(0), size());
  if (n > 0) rows_.value = concat({added.slice(0, n), rows_.value.slice(0, size() - n)});
}

std::string Queue::describe() const {
  return "Queue(" + std::to_string(size()) + ", " + std::to_string(rows_.value.size(1)) + ")";
}

MemoryBank::MemoryBank(const MemoryBankOptions& options, Generator& generator) {
  const auto [images, dim] = options;
  check_size("MemoryBank", images, dim);
  const double bound = std::sqrt(3 / double(dim));
  rows_ = uniform({images, dim}, -bound, bound, generator);
}

Tensor MemoryBank::sample(int64_t k, Generator& generator) const {
  const double images = double(size());
  return at(clamp(uniform({k}, 0, images, generator, rows_.value.device()), 0, images - 1).to(Dtype::i64));
}

void MemoryBank::update(const Tensor& index, const Tensor& values, double momentum) {
  check(momentum >= 0 && momentum <= 1, "MemoryBank: want a momentum in [0, 1], got {}", momentum);
  NoGrad no_grad;
  Tensor added = kept("MemoryBank", values, rows_.value);
  check(index.shape() == Shape{added.size(0)}, "MemoryBank: want one index for each of {} rows, got {}", added.size(0),
        index.shape());
  Tensor updated = normalize(at(index) * momentum + normalize(added) * (1 - momentum));
  rows_.value = index_copy(std::move(rows_.value), index, updated);
}

std::string MemoryBank::describe() const {
  return "MemoryBank(" + std::to_string(size()) + ", " + std::to_string(rows_.value.size(1)) + ")";
}

}  // namespace fovea::models
