#pragma once

#include <fovea/data/image/loader.h>
#include <fovea/models/methods/method.h>
#include <fovea/models/training/evaluator.h>
#include <fovea/models/training/fit.h>

namespace fovea::models {

// Measures what a finished run keeps beside its baselines, prints the table, and leaves backbone.safetensors,
// summary.json and report.html in the run's folder; without an evaluator the last two have no accuracies. The loader
// made the run's batches; it is left at the start.
void report(const FitOptions& options, Method& method, data::Loader& loader, Evaluator* evaluator);

}  // namespace fovea::models
