#pragma once

#include <optional>

#include <fovea/data/dataset.h>
#include <fovea/models/eval/features.h>
#include <fovea/models/eval/knn.h>
#include <fovea/models/eval/linear_probe.h>
#include <fovea/models/eval/pca.h>
#include <fovea/nn/module.h>

#include <fovea/models/training/fit.h>
#include <fovea/models/training/online_probe.h>

namespace fovea::models {

// Measures how well frozen features tell classes apart. The bank (and the linear probe's training set) is what the run
// trains on, the queries are the test images, both unaugmented.
class Evaluator {
 public:
  // `features` maps images to features through `model`, which is put into evaluation mode meanwhile. All three are used
  // as long as the Evaluator lives.
  Evaluator(const FitOptions& options, nn::Module& model, Network features, data::Split split,
            const KnnOptions& knn = {});

  // Extracts the features of the network as it is now, for the functions below.
  void extract();
  double knn() const;
  ProbeResult linear() const;

  // For the choice of a checkpoint, without a label or with a few, and without the test images. RankMe (Garrido et al.,
  // 2023): the effective rank of the bank's features, of 1,024 of them at most.
  double rank_me() const;
  // k-NN accuracy on 2,000 images of the bank at most, for which `per_class` others of each class have labels; k = 10.
  // Nothing if no others are left.
  std::optional<double> few_labels(int64_t per_class) const;

  // The same accuracies for the raw pixels.
  struct Pixels {
    double knn = 0;
    ProbeResult linear;
  };
  Pixels pixels() const;

  // The share of the test images that the probe knows.
  double accuracy(OnlineProbe& probe) const;

  const Features& bank() const { return bank_; }
  const Features& queries() const { return queries_; }
  const data::Split& split() const { return split_; }
  int64_t classes() const { return int64_t(split_.train->classes().size()); }
  const KnnOptions& knn_options() const { return knn_; }
  const ProbeOptions& probe_options() const { return probe_; }

 private:
  ExtractOptions extract_options() const;
  double knn(const Features& bank, const Features& queries) const;
  ProbeResult linear(const Features& bank, const Features& queries) const;

  FitOptions options_;
  nn::Module& model_;
  Network features_;
  data::Split split_;
  data::Views views_;
  KnnOptions knn_;
  ProbeOptions probe_;
  Features bank_, queries_;
};

}  // namespace fovea::models
