#pragma once

#include <string>

#include <fovea/core/choices.h>
#include <fovea/losses/contrastive/instance.h>
#include <fovea/models/methods/method.h>
#include <fovea/models/parts/memory.h>

namespace fovea::models {

enum class PirlLoss { nce, info_nce };
// The losses by name.
const Choices<PirlLoss>& pirl_losses();

struct PirlOptions {
  std::string loss = "nce";    // of pirl_losses()
  int64_t out = 128;           // D, dimensions of a feature
  bool batch_norm = false;     // after each head, a Linear
  float temperature = 0.07f;   // t of the cosines
  int64_t negatives = 4096;    // K, number of noise images, drawn from the bank each step; 32000 in the paper
  float jigsaw_weight = 0.5f;  // lambda: loss = (1 - lambda) the images' loss + lambda the jigsaws' loss
  float bank_momentum = 0.5f;  // m of the memory bank: row of an image = m row + (1 - m) its new feature
};

// PIRL (Misra and van der Maaten, 2019, arXiv:1912.01991): an image and a jigsaw of it must both match what a memory
// bank m_1 .. m_n holds of the image, so that features do not depend on where its parts lie.
//
//   loss = (1 - lambda) L(v, m_i) + lambda L(w, m_i)
//   m_i = l2(m m_i + (1 - m) v_i)                          after the loss
//
// v, w: the features of the images i and of their jigsaws, divided by their lengths. L is noise contrast against K rows
// of the bank drawn at random, the same for both, losses::InstanceNce; or losses::info_nce. A batch has the images as
// its first view and the jigsaws, of another size, as its second (data::pirl_views). Each head is one Linear, with a
// batch norm behind it if asked.
class Pirl : public Method {
 public:
  // For a data set of `images`.
  Pirl(Backbone network, int64_t images, const PirlOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "Pirl"; }

  // Jigsaws [N, 3 p, 3 p, C] -> [N, out]: each patch goes through the backbone by itself and through patch_head,
  // jigsaw_head joins the nine.
  Tensor jigsaw(const Tensor& x);

  static constexpr int64_t kSide = 3;  // patches in a row of the jigsaw
  PirlOptions options;
  Backbone backbone;
  MemoryBank bank;
  nn::Sequential projector, patch_head, jigsaw_head;
  losses::InstanceNce nce;  // keeps its guess of Z; its state is "loss.z"

 protected:
  // The K rows of the bank that a step takes as noise.
  virtual Tensor noise() const { return bank.sample(options.negatives); }
};

}  // namespace fovea::models
