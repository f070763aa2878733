#pragma once

#include <string>
#include <vector>

#include <fovea/models/methods/page.h>

// Line charts and scatter plots as inline SVG. Colours come from the page's style sheet (classes .line, .c0 ... .c9),
// so the same drawing serves light and dark pages.
namespace fovea::models {

// Points that are not finite are left out; a chart without a point gives an empty string.
std::string svg(const Chart& chart);
std::string svg(const Scatter& scatter);

// About `count` round numbers that cover [low, high]: steps of 1, 2 or 5 times a power of ten.
std::vector<double> ticks(double low, double high, int count);

// Text for HTML and for attribute values in double quotes.
std::string escape(const std::string& text);

}  // namespace fovea::models
