#include <fovea/models/training/report/html.h>

#include "support/catch.h"

using namespace fovea;
using namespace fovea::models;

namespace {

data::Image gray(int width, int height) {
  data::Image image(width, height);
  std::fill_n(image.data(), image.bytes(), uint8_t(90));
  return image;
}

Page full_page(const std::string& hostile) {
  Page page;
  page.title = page.source = page.data = page.headline = page.warning = hostile;
  page.facts = {{hostile, hostile}};
  page.sections = {
      {hostile, hostile,
       Table{{hostile, hostile}, hostile, {{hostile, {0.5, 0.6}}, {hostile, {0.7, 0.55}, true}, {hostile, {-1, 0.1}}}}},
      {hostile, hostile,
       Charts{{.title = hostile,
               .note = hostile,
               .x_label = hostile,
               .curves = {{hostile, {0, 1}, {1, 2}, true}},
               .references = {{hostile, 1}}}}},
      {hostile, hostile, Pictures{{{{gray(4, 4), hostile, "", "", true}, {gray(3, 5), hostile}}}}},
      {hostile, hostile, Pictures{{{{gray(4, 4), hostile, hostile, hostile, true, true}}}, true}},
      {hostile, hostile, Scatter{{0, 0, 1, 1}, {0, 1}, {hostile, hostile}, hostile, hostile}},
      {hostile, hostile, Pairs{{hostile, hostile}}},
      {hostile, hostile, Text{{hostile}}}};
  return page;
}

}  // namespace

TEST_CASE("a page escapes every text that it is given", "[training]") {
  std::string page = html(full_page("<script>\"'&"));
  CHECK_THAT(page, !Catch::Contains("<script") && Catch::Contains("&lt;script&gt;&quot;&#39;&amp;"));
}

TEST_CASE("a page needs nothing but itself", "[training]") {
  std::string page = html(full_page("x"));
  for (const char* external : {"http:", "https:", "<link", "@import", "url(", "<script"})
    CHECK_THAT(page, !Catch::Contains(external));
  CHECK_THAT(page, Catch::Contains("src=\"data:image/png;base64,iVBORw0KGgo"));
}

TEST_CASE("a page compares the run with the better baseline", "[training]") {
  std::string page = html(full_page("x"));
  CHECK_THAT(page, Catch::Contains(">70.0 %<") && Catch::Contains(">+20.0<") && Catch::Contains(">-5.0<"));
}

TEST_CASE("a section without content is passed over", "[training]") {
  Page page;
  page.sections = {
      {"Nothing", "", Table{}},    {"Nothing", "", Charts{}},          {"Nothing", "", Charts{{.title = "no points"}}},
      {"Nothing", "", Pictures{}}, {"Nothing", "", Scatter{}},         {"Nothing", "", Pairs{}},
      {"Nothing", "", Text{}},     {"Something", "", Text{{"a line"}}}};
  const std::string out = html(page);
  CHECK_THAT(out, !Catch::Contains("Nothing") && Catch::Contains("<h2>Something</h2><p>a line</p>"));
}

TEST_CASE("an empty page is still a page", "[training]") {
  std::string page = html(Page{});
  CHECK_THAT(page, Catch::Contains("</html>"));
  CHECK_THAT(page, !Catch::Contains("<section>"));
}
