#pragma once

#include <optional>

#include <fovea/data/dataset.h>
#include <fovea/models/eval/features.h>
#include <fovea/models/eval/knn.h>
#include <fovea/models/eval/linear_probe.h>
#include <fovea/models/eval/pca.h>
#include <fovea/nn/module.h>

#include "common/online_probe.h"
#include "common/options.h"

namespace fovea::examples {

// Measures how well frozen features tell classes apart. The bank (and the linear probe's training set) is what the run
// trains on, the queries are the test images, both unaugmented.
class Evaluator {
 public:
  // `features` maps images to features through `model`, which is put into evaluation mode meanwhile. All three are used
  // as long as the Evaluator lives.
  Evaluator(const Options& options, nn::Module& model, models::Network features, data::Split split,
            const models::KnnOptions& knn = {});

  // Extracts the features of the network as it is now, for the functions below.
  void extract();
  double knn() const;
  models::ProbeResult linear() const;

  // For the choice of a checkpoint, without a label or with a few, and without the test images. RankMe (Garrido et al.,
  // 2023): the effective rank of the bank's features, of 1,024 of them at most.
  double rank_me() const;
  // k-NN accuracy on 2,000 images of the bank at most, for which `per_class` others of each class have labels; k = 10.
  // Nothing if no others are left.
  std::optional<double> few_labels(int64_t per_class) const;

  // The same accuracies for the raw pixels.
  struct Pixels {
    double knn = 0;
    models::ProbeResult linear;
  };
  Pixels pixels() const;

  // The share of the test images that the probe knows.
  double accuracy(OnlineProbe& probe) const;

  const models::Features& bank() const { return bank_; }
  const models::Features& queries() const { return queries_; }
  const data::Split& split() const { return split_; }
  int64_t classes() const { return int64_t(split_.train->classes().size()); }
  const models::KnnOptions& knn_options() const { return knn_; }
  const models::ProbeOptions& probe_options() const { return probe_; }

 private:
  models::ExtractOptions extract_options() const;
  double knn(const models::Features& bank, const models::Features& queries) const;
  models::ProbeResult linear(const models::Features& bank, const models::Features& queries) const;

  Options options_;
  nn::Module& model_;
  models::Network features_;
  data::Split split_;
  data::Views views_;
  models::KnnOptions knn_;
  models::ProbeOptions probe_;
  models::Features bank_, queries_;
};

}  // namespace fovea::examples
