#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fovea/data/image/image.h>

// What a run's report shows, as data: a list of sections, to which a method adds its own (Method::show).
// models/training/report/html.h makes one page of it.
namespace fovea::models {

// Accuracies, from 0 to 1, with bars; those of the run itself also in points above the best baseline of the column.
struct Table {
  std::vector<std::string> columns;  // of the numbers; `name` has a column before them
  std::string name = "Features";
  struct Row {
    std::string name;
    std::vector<double> values;  // one a column; negative: not measured
    bool ours = false;           // the run itself, not a baseline
  };
  std::vector<Row> rows;
};

struct Curve {
  std::string name;  // empty for the only curve of a chart
  std::vector<double> x, y;
  bool dots = false;  // marks every point and gives it a tooltip: for curves of a few points
};

// A dashed horizontal line to compare with.
struct Reference {
  std::string name;
  double y = 0;
};

struct Chart {
  std::string title = "";
  std::string note = "";  // what to look for, in a few words
  std::string x_label = "epoch";
  std::vector<Curve> curves = {};
  std::vector<Reference> references = {};
  int decimals = 3;        // of the values that are written out
  double scale = 1;        // values are multiplied by this when written: 100 for percent
  bool from_zero = false;  // the vertical axis starts at 0
};
using Charts = std::vector<Chart>;

// Points in the plane, one colour a class.
struct Scatter {
  std::vector<float> xy;         // x, y of each point
  std::vector<int64_t> classes;  // one a point, in [0, class_names.size())
  std::vector<std::string> class_names;
  std::string x_label, y_label;
};

struct Picture {
  data::Image image;
  std::string alt;           // what it is, for those who do not see it
  std::string caption = "";  // under it
  std::string tip = "";      // shown when it is pointed at
  bool framed = false;       // the one that the others of its row are made of or compared with
  bool wrong = false;        // outlined
};

// Rows of pictures: short ones beside each other, or a line for each row.
struct Pictures {
  std::vector<std::vector<Picture>> rows;
  bool lines = false;
};

// Names and what stands beside them.
using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Text {
  std::vector<std::string> paragraphs;
};

struct Section {
  std::string title, note;  // the note says what to look for
  std::variant<Table, Charts, Pictures, Scatter, Pairs, Text> body;
};

struct Page {
  std::string title, source, data;  // "SimCLR", its paper, the images' name
  std::string headline;             // one sentence with the result
  std::string warning = {};         // what went wrong, if anything
  Pairs facts;                      // the line under it: "epochs", "10"
  std::vector<Section> sections;    // those that are empty are passed over
};

}  // namespace fovea::models
