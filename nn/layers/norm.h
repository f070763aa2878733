#pragma once

#include <fovea/nn/module.h>

namespace fovea::nn {

struct BatchNormLayerOptions {
  int64_t features = 0;
  double eps = 1e-5;
  double momentum = 0.1;  // of the running statistics: running = (1 - momentum) running + momentum batch
  bool affine = true;
};

// Normalises each of the `features` channels, the last dimension, over all others: with the batch's statistics while
// training, with the running ones otherwise. State is PyTorch's: weight, bias, running_mean, running_var,
// num_batches_tracked.
class BatchNorm : public Module {
 public:
  Tensor operator()(const Tensor& x) { return apply(x, false, {}); }
  // relu(bn(x)) and relu(bn(x) + residual) in one pass over x.
  Tensor relu(const Tensor& x) { return apply(x, true, {}); }
  Tensor add_relu(const Tensor& x, const Tensor& residual) { return apply(x, true, residual); }
  void visit(Visitor& v) override;
  std::string describe() const override;

  Param weight, bias;                // [features], undefined unless affine
  Buffer running_mean, running_var;  // [features], f32
  Buffer num_batches_tracked;        // i64, rank 0: training batches seen

 protected:
  BatchNorm(const char* name, int min_rank, int max_rank, const BatchNormLayerOptions& options);

 private:
  Tensor apply(const Tensor& x, bool relu, const Tensor& residual);

  const char* name_;
  int min_rank_, max_rank_;
  double eps_, momentum_;
};

// x [N, C] or [N, L, C].
class BatchNorm1d : public BatchNorm {
 public:
  explicit BatchNorm1d(const BatchNormLayerOptions& options) : BatchNorm("BatchNorm1d", 2, 3, options) {}
};

// x [N, H, W, C].
class BatchNorm2d : public BatchNorm {
 public:
  explicit BatchNorm2d(const BatchNormLayerOptions& options) : BatchNorm("BatchNorm2d", 4, 4, options) {}
};

struct LayerNormOptions {
  int64_t features = 0;
  double eps = 1e-5;
  bool affine = true;
};

// Over the last dimension, of size `features`.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(const LayerNormOptions& options);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override;

  Param weight, bias;  // [features], undefined unless affine

 private:
  int64_t features_;
  double eps_;
};

struct GroupNormOptions {
  int64_t groups = 0, channels = 0;
  double eps = 1e-5;
  bool affine = true;
};

// x [N, ..., channels]; each sample's groups of channels are normalised over the group and all positions.
class GroupNorm : public Module {
 public:
  explicit GroupNorm(const GroupNormOptions& options);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override;

  Param weight, bias;  // [channels], undefined unless affine

 private:
  int64_t groups_, channels_;
  double eps_;
};

}  // namespace fovea::nn
