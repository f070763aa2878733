#pragma once

#include <fovea/core/random.h>
#include <fovea/nn/module.h>

// Last layers that compare rows with trained directions.
namespace fovea::models {

struct PrototypesOptions {
  int64_t in = 0, count = 0;
};

// SwAV's prototypes (Caron et al., 2020): K directions that embeddings are assigned to. They are an ordinary weight [K,
// in] whose rows are put back to length 1 before each step, without gradient. Starts as a Linear does.
class Prototypes : public nn::Module {
 public:
  explicit Prototypes(const PrototypesOptions& options, Generator& generator = default_generator());
  // Rows to length 1, in place: at the start of each step, before anything reads them.
  void normalize_();
  // z [N, in], rows of length 1 -> cosines [N, K], in full precision: assignments divide them by small temperatures.
  Tensor operator()(const Tensor& z);
  void visit(nn::Visitor& v) override { v("weight", weight); }
  std::string describe() const override;

  nn::Param weight;  // [K, in]
};

struct CosineLinearOptions {
  int64_t in = 0, out = 0;
};

// The cosines of x's rows and the weight's, [N, in] -> [N, out]. It is DINO's last layer (Caron et al., 2021), l2
// normalisation and a weight-normalised Linear whose gains stay 1, without the gains. Gradients take both
// normalisations into account.
class CosineLinear : public nn::Module {
 public:
  explicit CosineLinear(const CosineLinearOptions& options, Generator& generator = default_generator());
  Tensor operator()(const Tensor& x) { return linear(normalize(x), normalize(weight)); }
  void visit(nn::Visitor& v) override { v("weight", weight); }
  std::string describe() const override;

  nn::Param weight;  // [out, in], of any length
};

}  // namespace fovea::models
