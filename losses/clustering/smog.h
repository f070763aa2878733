#pragma once

#include <fovea/core/random.h>
#include <fovea/nn/module.h>

namespace fovea::losses {

struct SmogOptions {
  int64_t groups = 300;      // G, number of groups
  int64_t features = 128;    // D, of the embeddings
  double beta = 0.99;        // of the groups: c_k = beta c_k + (1 - beta) mean of the rows nearest to it
  double temperature = 0.1;  // of the softmax over the groups, above 0
};

// Synchronous momentum grouping (Pang et al., 2022, arXiv:2207.06167): contrast with groups of images whose features
// are updated within the step and carry its gradient. Projections e0 and predictions p0 [N, D] are of one view through
// the trained network, e1 [N, D] of the other through the teacher. With g(e) the group of the largest cosine with e,
//
//   c'_k = beta c_k + (1 - beta) mean of the rows of e0 with g(e0_i) = k      (c_k where there are none)
//   loss = 1/N sum_i -log softmax_k( cos(p0_i, c'_k) / temperature ) at k = g(e1_i)
//
// The gradient flows into p0 and, through c', into e0; never into e1 or the old c. The step leaves c' behind as it is,
// without normalising it (as lightly does). Computed and kept in f32 (f64 for f64 rows).
class Smog : public nn::Module {
 public:
  // Groups start as directions of the positive orthant, drawn at random.
  explicit Smog(const SmogOptions& options = {}, Generator& generator = default_generator());
  Tensor operator()(const Tensor& p0, const Tensor& e0, const Tensor& e1);

  // The group of each row of e [N, D]: i64 [N].
  Tensor assign(const Tensor& e) const;
  // Groups begin anew, each at its centre of a k-means on rows [M, D], M at least G, divided by its length: groups that
  // nothing is assigned to would never move again otherwise. The centres start at rows drawn at random.
  void reset(const Tensor& rows, int iterations = 10, Generator& generator = default_generator());

  void visit(nn::Visitor& v) override { v("groups", groups); }
  std::string describe() const override;

  nn::Buffer groups;  // c_1 .. c_G, [G, D]; replaced, never written in place

 private:
  SmogOptions options_;
};

}  // namespace fovea::losses
