#pragma once

#include <string>
#include <vector>

// Line charts and scatter plots as inline SVG. Colours come from the page's style sheet (classes .line, .c0 ... .c9),
// so the same drawing serves light and dark pages.
namespace fovea::examples {

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

// Points that are not finite are left out; a chart without a point gives an empty string.
std::string svg(const Chart& chart);

struct Scatter {
  std::vector<float> xy;         // x, y of each point
  std::vector<int64_t> classes;  // one a point, in [0, class_names.size())
  std::vector<std::string> class_names;
  std::string x_label, y_label;
};

std::string svg(const Scatter& scatter);

// About `count` round numbers that cover [low, high]: steps of 1, 2 or 5 times a power of ten.
std::vector<double> ticks(double low, double high, int count);

// Text for HTML and for attribute values in double quotes.
std::string escape(const std::string& text);

}  // namespace fovea::examples
