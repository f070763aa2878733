#pragma once

#include <fovea/nn/module.h>

// Instance discrimination (Wu et al., 2018, arXiv:1805.01978): every image is a class of its own, and the class weights
// are a memory bank of past features m_1 .. m_n, rows of length 1. With v a feature divided by its length,
//
//   P(i | v) = e^(m_i.v / t) / Z,   Z = sum_j e^(m_j.v / t).
//
// The bank is a constant: the gradient flows into v alone. Any floating dtype; computed in f32 (f64 for f64), also
// under Autocast. The temperature t is above 0: 0.07 for ImageNet, 0.1 for CIFAR.
namespace fovea::losses {

// The full softmax: v [N, D], bank [n, D], index i64 [N] of the images -> mean over the batch of -log P. Writes N x n
// scores: for up to some 100,000 images.
Tensor instance_softmax(const Tensor& v, const Tensor& bank, const Tensor& index, double temperature);

struct InstanceNceOptions {
  int64_t images = 0;         // n, of the data set
  double temperature = 0.07;  // t
};

// Its estimate by noise contrast: K images drawn uniformly are the noise, and Z is guessed once, from the first batch
// that is seen, as n times the mean of all its e^(m.v / t); from then on it is a part of the state ("z").
//
//   h(s) = P(s) / (P(s) + K / n),   loss = mean over the batch of -log h(positive) - sum over the noise of log(1 - h)
//
// Both terms are logistic losses of s / t - log(Z K / n), and that is how they are computed: nothing underflows.
class InstanceNce : public nn::Module {
 public:
  explicit InstanceNce(const InstanceNceOptions& options);
  // v [N, D]; positive [N, D], the images' own rows of the bank; noise [K, D], rows drawn with replacement, which all
  // of the batch share.
  Tensor operator()(const Tensor& v, const Tensor& positive, const Tensor& noise);
  // Z as it stands, f32 []; 0 before the first batch.
  const Tensor& z() const { return z_.value; }
  void visit(nn::Visitor& v) override { v("z", z_); }
  std::string describe() const override { return "InstanceNce"; }

 private:
  InstanceNceOptions options_;
  nn::Buffer z_;
};

}  // namespace fovea::losses
