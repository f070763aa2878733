#pragma once

#include <fovea/data/image/loader.h>
#include <fovea/models/methods/evaluation.h>
#include <fovea/models/methods/method.h>
#include <fovea/models/training/fit.h>

namespace fovea::models {

// Puts what was found of a finished run beside its baselines, prints the table, and leaves summary.json and report.html
// in the run's folder; where knn_top1 was not among the scores they have no accuracies. Scores and figures that have no
// place of their own, those of the method's evaluations, follow the others. The loader made the run's batches; it is
// left at the start.
void report(const FitOptions& options, Method& method, data::Loader& loader, const data::Split& split,
            const Findings& found);

}  // namespace fovea::models
