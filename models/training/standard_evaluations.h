#pragma once

#include <vector>

#include <fovea/models/eval/knn.h>
#include <fovea/models/eval/linear_probe.h>
#include <fovea/models/methods/evaluation.h>
#include <fovea/models/training/fit.h>
#include <fovea/models/training/online_probe.h>

namespace fovea::models {

// What fit() measures of every Backbone: how well its frozen features tell classes apart. The bank (and the linear
// probe's training set) is what the run trains on, the queries are the test images.
//
//   k-NN           knn_top1                   before, epochs
//   linear probe   linear_top1, linear_best   before (without the best), after
//   online probe   online_probe_top1          epochs; of `probe`, which may be null
//   RankMe         rank_me                    before, epochs; the effective rank of 1,024 of the bank's features at most
//                                             (Garrido et al., 2023), which chooses a checkpoint without a label
//   few labels     few_labels_top1            before, epochs; k-NN (k = 10) on 2,000 images of the bank at most, for
//                                             which FitOptions::few_labels others of each class have labels: chooses a
//                                             checkpoint without the test images
//   raw pixels     baseline_pixels_knn, baseline_pixels_linear   after
//   map, neighbours                           after: figures
std::vector<Evaluation> standard_evaluations(const FitOptions& options, OnlineProbe* probe, const KnnOptions& knn = {});

}  // namespace fovea::models
