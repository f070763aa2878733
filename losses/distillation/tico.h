#pragma once

#include <fovea/nn/module.h>

namespace fovea::losses {

struct TicoOptions {
  int64_t features = 256;  // D, of the embeddings
  double rho = 8;          // weight of the covariance contrast; 20 in lightly's benchmark
  double beta = 0.9;       // of the second moments: C = beta C + (1 - beta) those of the batch
  bool detach = false;     // no gradient through the batch's part of C (lightly 1.6); with it that part counts twice
};

// TiCo's loss (Zhu et al., 2022, arXiv:2206.10698, algorithm 1). z0, z1 [N, D]: embeddings of two views, z1 the
// teacher's. With a_i and b_i their rows divided by their lengths and B = 1/N sum_i a_i a_i^T,
//
//   C <- beta C + (1 - beta) B
//   loss = 1 - 1/N sum_i a_i . b_i + rho 1/N sum_i a_i^T C a_i
//
// The last sum is that of all elements of C * B, so it costs one product of matrices and nothing of size N * N. C
// begins at 0; what a step leaves in it is a constant for the next. Equal rows everywhere give rho in the long run.
// Gradients flow into both views. Computed and kept in f32 (f64 for f64 rows).
class Tico : public nn::Module {
 public:
  explicit Tico(const TicoOptions& options = {});
  Tensor operator()(const Tensor& z0, const Tensor& z1);
  void visit(nn::Visitor& v) override { v("covariance", covariance); }
  std::string describe() const override;

  nn::Buffer covariance;  // C, [D, D]; replaced, never written in place

 private:
  TicoOptions options_;
};

}  // namespace fovea::losses
