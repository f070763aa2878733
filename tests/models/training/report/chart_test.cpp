#include <fovea/models/training/report/chart.h>

#include <cmath>
#include <limits>

#include "support/catch.h"

using namespace fovea::models;

TEST_CASE("ticks are round numbers within the range", "[training]") {
  CHECK(ticks(0, 10, 5) == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(ticks(0.07, 0.31, 5).size() == 5);
  for (double t : ticks(0.07, 0.31, 5)) CHECK(std::abs(t / 0.05 - std::round(t / 0.05)) < 1e-9);
  CHECK(ticks(3, 3, 5) == std::vector<double>{3});
  CHECK(ticks(-1, 1, 4) == std::vector<double>{-1, -0.5, 0, 0.5, 1});
}

TEST_CASE("text is escaped for HTML", "[training]") {
  CHECK(escape("<b a=\"1\">&'") == "&lt;b a=&quot;1&quot;&gt;&amp;&#39;");
  CHECK(escape("plain") == "plain");
}

TEST_CASE("a chart draws its curves, references and last values", "[training]") {
  Chart chart{.title = "k-NN",
              .curves = {{"", {0, 1, 2}, {0.5, 0.625, 0.75}, true}},
              .references = {{"raw <pixels>", 0.6}},
              .decimals = 1,
              .scale = 100};
  std::string drawing = svg(chart);
  CHECK_THAT(drawing, Catch::Contains("<polyline"));
  CHECK_THAT(drawing, Catch::Contains(">75.0</text>"));
  CHECK_THAT(drawing, Catch::Contains("raw &lt;pixels&gt;"));
  CHECK_THAT(drawing, !Catch::Contains("nan"));
}

TEST_CASE("values that are not finite leave no trace in a chart", "[training]") {
  double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  std::string drawing = svg(Chart{.curves = {{"", {0, 1, 2, 3}, {1, nan, inf, 2}}}});
  CHECK_THAT(drawing, !Catch::Contains("nan") && !Catch::Contains("inf"));
  CHECK(svg(Chart{.curves = {{"", {0}, {nan}}}}).empty());
  CHECK(svg(Chart{}).empty());
}

TEST_CASE("a curve of one point and a constant curve are drawn", "[training]") {
  CHECK_THAT(svg(Chart{.curves = {{"", {1}, {0.25}}}}), Catch::Contains("<circle") && !Catch::Contains("nan"));
  CHECK_THAT(svg(Chart{.curves = {{"", {1, 2}, {0, 0}}}}), Catch::Contains("<polyline") && !Catch::Contains("nan"));
}

TEST_CASE("a long curve is thinned and keeps its last value", "[training]") {
  Curve curve;
  for (int i = 0; i < 100000; ++i) curve.x.push_back(i), curve.y.push_back(i);
  std::string drawing = svg(Chart{.curves = {curve}, .decimals = 0});
  CHECK(drawing.size() < 20000);
  CHECK_THAT(drawing, Catch::Contains(">99999</text>"));
}

TEST_CASE("a scatter plot has one path a class and passes over unknown classes", "[training]") {
  Scatter scatter{{0, 0, 1, 1, 2, 2}, {0, 1, 7}, {"cat", "dog"}, "x", "y"};
  std::string drawing = svg(scatter);
  CHECK_THAT(drawing, Catch::Contains("points k0") && Catch::Contains("points k1") && !Catch::Contains("points k7"));
  CHECK(svg(Scatter{}).empty());
}
