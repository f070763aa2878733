#pragma once

#include <string>

#include <fovea/core/choices.h>
#include <fovea/losses/contrastive/instance.h>
#include <fovea/models/methods/method.h>
#include <fovea/models/parts/memory.h>

namespace fovea::models {

enum class InstDiscLoss { nce, softmax, info_nce };
// The losses by name.
const Choices<InstDiscLoss>& instdisc_losses();

struct InstDiscOptions {
  std::string loss = "nce";    // of instdisc_losses()
  int64_t out = 128;           // D, dimensions of a feature
  bool batch_norm = false;     // after the head, a Linear
  float temperature = 0.07f;   // t of the cosines
  int64_t negatives = 4096;    // K, number of noise images, drawn from the bank each step; softmax has none
  float bank_momentum = 0.5f;  // m of the memory bank: row of an image = m row + (1 - m) its new feature
};

// Instance discrimination (Wu et al., 2018, arXiv:1805.01978): each of the n images is a class of its own, and the
// class weights are a memory bank m_1 .. m_n of the images' past features.
//
//   softmax:   loss = mean over images i of -log( exp(m_i . v_i / t) / sum_j exp(m_j . v_i / t) )
//   nce:       its estimate by noise contrast against K rows of the bank drawn at random, losses::InstanceNce
//   info-nce:  losses::info_nce of v_i, m_i and the K rows: cross entropy over the image's own row and the noise
//
//   m_i = l2(m m_i + (1 - m) v_i)                                     after the loss
//
// v: the features, divided by their lengths. The head is one Linear, with a batch norm behind it if asked. A batch has
// one view of each image.
class InstDisc : public Method {
 public:
  // For a data set of `images`.
  InstDisc(Backbone network, int64_t images, const InstDiscOptions& options = {},
           Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "InstDisc"; }

  InstDiscOptions options;
  Backbone backbone;
  MemoryBank bank;
  nn::Sequential projector;
  losses::InstanceNce nce;  // keeps its guess of Z; its state is "loss.z"

 protected:
  // The K rows of the bank that a step takes as noise.
  virtual Tensor noise() const { return bank.sample(options.negatives); }
};

}  // namespace fovea::models
