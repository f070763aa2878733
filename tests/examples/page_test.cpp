#include "common/page.h"

#include "support/catch.h"

using namespace fovea;
using namespace fovea::examples;

namespace {

data::Image gray(int width, int height) {
  data::Image image(width, height);
  std::fill_n(image.data(), image.bytes(), uint8_t(90));
  return image;
}

Page full_page(const std::string& hostile) {
  Page page;
  page.method = page.paper = page.data = page.headline = page.protocol = page.views_note = page.map_note =
      page.neighbours_note = hostile;
  page.facts = {{hostile, hostile}};
  page.scores = {{hostile, 0.5, 0.6}, {hostile, 0.7, 0.55, true}};
  page.charts = {{.title = hostile,
                  .note = hostile,
                  .x_label = hostile,
                  .curves = {{hostile, {0, 1}, {1, 2}, true}},
                  .references = {{hostile, 1}}}};
  page.views = {{gray(4, 4), {gray(3, 5), gray(2, 2)}}};
  page.map = {{0, 0, 1, 1}, {0, 1}, {hostile, hostile}, hostile, hostile};
  page.neighbours = {{gray(4, 4), hostile, {{gray(4, 4), hostile, 0.9, false}}}};
  page.options = {{hostile, hostile}};
  return page;
}

}  // namespace

TEST_CASE("a page escapes every text that it is given", "[examples]") {
  std::string page = html(full_page("<script>\"'&"));
  CHECK_THAT(page, !Catch::Contains("<script") && Catch::Contains("&lt;script&gt;&quot;&#39;&amp;"));
}

TEST_CASE("a page needs nothing but itself", "[examples]") {
  std::string page = html(full_page("x"));
  for (const char* external : {"http:", "https:", "<link", "@import", "url(", "<script"})
    CHECK_THAT(page, !Catch::Contains(external));
  CHECK_THAT(page, Catch::Contains("src=\"data:image/png;base64,iVBORw0KGgo"));
}

TEST_CASE("a page compares the run with the better baseline", "[examples]") {
  std::string page = html(full_page("x"));
  CHECK_THAT(page, Catch::Contains(">70.0 %<") && Catch::Contains(">+20.0<") && Catch::Contains(">-5.0<"));
}

TEST_CASE("an empty page is still a page", "[examples]") {
  std::string page = html(Page{});
  CHECK_THAT(page, Catch::Contains("</html>"));
  CHECK_THAT(page, !Catch::Contains("Nearest neighbours"));
}
