#pragma once

#include <string>
#include <utility>
#include <vector>

#include <fovea/data/image/image.h>

#include "common/chart.h"

// A run's report as one self-contained HTML page: no script, no external file, light or dark as the reader's system is.
namespace fovea::examples {

// A row of the table of accuracies. Negative means "not measured".
struct Score {
  std::string name;
  double knn = -1, linear = -1;
  bool ours = false;  // the run itself, not a baseline
};

// An image beside the views that the network was given of it.
struct ViewGroup {
  data::Image original;  // may be empty
  std::vector<data::Image> views;
};

struct NeighbourRow {
  data::Image query;
  std::string label;
  struct Neighbour {
    data::Image picture;
    std::string label;
    double similarity = 0;
    bool same_class = false;
  };
  std::vector<Neighbour> neighbours;
};

struct Page {
  std::string method, paper, data;
  std::string headline;                                    // one sentence with the result
  std::string warning = {};                                // what went wrong, if anything
  std::vector<std::pair<std::string, std::string>> facts;  // the line under it: "epochs", "10"
  std::vector<Score> scores;
  std::string protocol;  // how the accuracies were measured
  std::vector<Chart> charts;
  std::vector<ViewGroup> views;
  std::string views_note;
  Scatter map;
  std::string map_note;
  std::vector<NeighbourRow> neighbours;
  std::string neighbours_note;
  std::vector<std::pair<std::string, std::string>> options;
};

std::string html(const Page& page);

}  // namespace fovea::examples
