#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fovea/data/dataset.h>
#include <fovea/models/eval/features.h>
#include <fovea/models/methods/page.h>
#include <fovea/models/methods/step.h>

namespace fovea::models {

// What an evaluation looks at: a method as it is at one step of its run.
struct Subject {
  Position at = {};
  data::Split split = {};         // the images: those of the training, and others
  Features bank = {};             // kept()'s of split.train, unaugmented, on the CPU; undefined if it is no Backbone
  Features queries = {};          // and of split.test
  Device device = Device::cpu();  // where the method lies

  int64_t classes() const { return int64_t(split.train->classes().size()); }
};

// What came of an evaluation.
struct Findings {
  std::vector<std::pair<std::string, double>> scores = {};  // by names that no other evaluation has
  std::vector<Section> figures = {};                        // for the report
};

// Something that is measured of a run. fit() has a list of them, to which a method adds its own (Method::evaluations):
//
//   {"purity", {.epochs = true}, [](const Subject& s) { return Findings{.scores = {{"purity", purity(s.bank)}}}; }}
//
// `run` is called at most once a step, between two steps, with the method in evaluation mode and random numbers that are
// no part of the run. Scores of `before` and `epochs` go into metrics.jsonl. Those of the last step, of `epochs` and
// `after`, go into summary.json, and their figures into the report.
struct Evaluation {
  std::string name;
  struct When {
    bool before = false;  // before the first step
    bool epochs = false;  // every FitOptions::eval_every epochs, and after the last step
    bool after = false;   // after the last step: what only the finished run is asked for
  } when;
  std::function<Findings(const Subject&)> run;
};

}  // namespace fovea::models
