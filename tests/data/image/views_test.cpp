#include <fovea/data/image/views.h>

#include <algorithm>
#include <set>

#include <fovea/data/sets/synthetic.h>

#include "support/catch.h"

using namespace fovea;
using namespace fovea::data;

namespace {

bool is_gray(const Image& image) {
  for (size_t i = 0; i < image.bytes(); i += 3)
    if (image.data()[i] != image.data()[i + 1] || image.data()[i] != image.data()[i + 2]) return false;
  return true;
}

}  // namespace

TEST_CASE("the presets have the views of the papers", "[data][views]") {
  auto sizes = [](const Views& views) {
    std::vector<int> list;
    for (int i = 0; i < views.count(); ++i) list.push_back(views[i].size());
    return list;
  };
  CHECK(sizes(simclr_views(32)) == std::vector<int>{32, 32});
  CHECK(sizes(byol_views(24)) == std::vector<int>{24, 24});
  CHECK(sizes(simsiam_views(24, 4)) == std::vector<int>{24, 24, 24, 24});
  CHECK(sizes(mocov1_views(24)) == std::vector<int>{24, 24});
  CHECK(sizes(pirl_views(224)) == std::vector<int>{224, 192});
  CHECK(sizes(pirl_views(32)) == std::vector<int>{32, 27});
  CHECK(sizes(smog_views(24)) == std::vector<int>{24, 24});
  CHECK(sizes(vicreg_views(24)) == std::vector<int>{24, 24});
  CHECK(sizes(vicregl_views(24)) == std::vector<int>{24, 24});
  CHECK(lejepa_views({.size = 32, .local_size = 16}).groups() == std::vector<int>{2, 6});
  CHECK(sizes(lejepa_equal_views(24)) == std::vector<int>{24, 24, 24, 24});
  CHECK(sizes(mae_views(24)) == std::vector<int>{24});
  CHECK(sizes(simmim_views(24)) == std::vector<int>{24});
  CHECK(sizes(probe_views(24)) == std::vector<int>{24});
  CHECK(sizes(test_views(24)) == std::vector<int>{24});
  CHECK(swav_views({.size = 32, .local_size = 16}).groups() == std::vector<int>{2, 6});
  CHECK(dino_views({.size = 32, .local_size = 16}).groups() == std::vector<int>{2, 6});
  CHECK(dinov2_views({.size = 32, .local_size = 14}).groups() == std::vector<int>{2, 8});
  CHECK(msn_views({.size = 32, .local_size = 16}).groups() == std::vector<int>{2, 10});
  CHECK(sizes(msn_views({.size = 32, .local_size = 16, .locals = 1})) == std::vector<int>{32, 32, 16});
}

TEST_CASE("the recipes by name are the papers'", "[data][views]") {
  const MultiCropOptions crops{.size = 32, .local_size = 16};
  auto groups = [&](const char* name) { return view_recipes().at(name, "views")(crops).groups(); };
  for (const char* name : {"simclr", "byol", "simsiam", "mocov1", "smog", "vicreg", "vicregl"}) {
    INFO(name);
    CHECK(groups(name) == std::vector<int>{2});
  }
  for (const char* name : {"fastsiam", "lejepa-equal"}) CHECK(groups(name) == std::vector<int>{4});
  for (const char* name : {"swav", "dino", "lejepa"}) CHECK(groups(name) == std::vector<int>{2, 6});
  CHECK(view_recipes().entries().size() == 12);
  CHECK(view_recipes().at("byol", "views")(crops)[1].recipe()->solarize == 0.2f);
  CHECK(view_recipes().at("vicreg", "views")(crops)[1].recipe()->solarize_before_blur);
  CHECK(dino_views({.size = 32, .local_size = 16, .locals = 3})[4].size() == 16);
}

TEST_CASE("every preset makes images of its sizes, the same for the same random numbers", "[data][views]") {
  const Source source = synthetic(1, {.image_size = 40})->get(0);
  for (const Views& views :
       {simclr_views(32), byol_views(24), simsiam_views(20), mocov1_views(24), pirl_views(24),
        swav_views({.size = 32, .local_size = 16}), dino_views({.size = 32, .local_size = 16}),
        dinov2_views({.size = 28, .local_size = 14}), smog_views(24), msn_views({.size = 32, .local_size = 16}),
        vicreg_views(24), vicregl_views(24), lejepa_views({.size = 32, .local_size = 16}), lejepa_equal_views(24),
        mae_views(32), simmim_views(32), test_views(24), probe_views(24)}) {
    Rng a(1, 2), b(1, 2), c(1, 3);
    const std::vector<Image> images = views(source, a), again = views(source, b), others = views(source, c);
    REQUIRE(int(images.size()) == views.count());
    for (int i = 0; i < views.count(); ++i) {
      CHECK(images[size_t(i)].width() == views[i].size());
      CHECK(images[size_t(i)].height() == views[i].size());
    }
    CHECK(images == again);
  }
}

TEST_CASE("views of one image differ, and the test view does not", "[data][views]") {
  const Source source = synthetic(1, {.image_size = 40})->get(0);
  Rng rng(1, 2), other(3, 4);
  const std::vector<Image> images = simclr_views(32)(source, rng);
  CHECK(!(images[0] == images[1]));
  CHECK(test_views(24)(source, rng) == test_views(24)(source, other));
}

TEST_CASE("one view in five is gray", "[data][views]") {
  const Source source = synthetic(1, {.image_size = 32})->get(0);
  const Views views = simclr_views(8);
  int gray = 0;
  for (uint64_t i = 0; i < 2000; ++i) {
    Rng rng(1, i);
    gray += is_gray(views[0](source, rng));
  }
  CHECK(gray / 2000.0 == Approx(0.2).margin(0.03));
}

TEST_CASE("BYOL's first view is never solarised and its second one is at times", "[data][views]") {
  // White stays light unless it is solarised: jitter takes it to 0.6 at the least, and contrast knows one level only.
  Image white(16, 16);
  std::fill_n(white.data(), white.bytes(), uint8_t(255));
  const Source source(std::move(white));
  const Views views = byol_views(8);
  int dark[2] = {0, 0};
  for (uint64_t i = 0; i < 1000; ++i) {
    Rng rng(1, i);
    const std::vector<Image> images = views(source, rng);
    for (size_t v = 0; v < 2; ++v) dark[v] += *images[v].data() < 128;
  }
  CHECK(dark[0] == 0);
  CHECK(dark[1] / 1000.0 == Approx(0.2).margin(0.04));
}

TEST_CASE("the test view takes the middle of the image at the size asked for", "[data][views]") {
  Image image(64, 32);  // left half black, right half white
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 64; ++x) std::fill_n(image.at(x, y), 3, uint8_t(x < 32 ? 0 : 255));
  Rng rng(1, 1);
  const Image view = test_views(16)(Source(image), rng)[0];
  CHECK(int(*view.at(0, 0)) == 0);
  CHECK(int(*view.at(15, 15)) == 255);
  CHECK(int(*view.at(6, 8)) < 10);
  CHECK(int(*view.at(9, 8)) > 245);
  CHECK(test_views(16, 32)(Source(image), rng)[0] == crop(image, {24, 8, 16, 16}));
}

TEST_CASE("views of one size must stand together", "[data][views]") {
  const View a(Recipe{.size = 8}), b(Recipe{.size = 4});
  CHECK_THROWS_WITH(Views({a, b, a}), Catch::Contains("side by side, got size 8"));
  CHECK_THROWS_WITH(Views({}), Catch::Contains("at least one"));
  CHECK_THROWS_WITH(View(Recipe{.size = 0}), Catch::Contains("positive size, got 0"));
}

TEST_CASE("a cycle of views takes them in turn", "[data][views]") {
  const Views views = byol_views(8).cycle(5);
  REQUIRE(views.count() == 5);
  CHECK(views.groups() == std::vector<int>{5});
  for (int i = 0; i < 5; ++i) CHECK(views[i].recipe()->solarize == (i % 2 ? 0.2f : 0.0f));
}

TEST_CASE("a jigsaw shows parts of all nine cells of an image, each once, in any order", "[data][views]") {
  // Each cell of 30 x 30 pixels has its own brightness; without jitter and at a crop of nearly all, so do the patches.
  Image image(90, 90);
  for (int y = 0; y < 90; ++y)
    for (int x = 0; x < 90; ++x) std::fill_n(image.at(x, y), 3, uint8_t(20 + 20 * (y / 30 * 3 + x / 30)));
  const View jigsaw = pirl_views(70, 0)[1];
  REQUIRE(jigsaw.size() == 60);
  std::set<std::vector<int>> orders;
  int whole = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    Rng rng(3, i);
    const Image made = jigsaw(image, rng);
    std::vector<int> order;
    for (int p = 0; p < 9; ++p) order.push_back((made.at(p % 3 * 20 + 10, p / 3 * 20 + 10)[0] - 10) / 20);
    orders.insert(order);
    std::sort(order.begin(), order.end());
    whole += order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8};
  }
  CHECK(orders.size() > 190);
  CHECK(whole > 100);  // crops (.6, 1): the middles of the nine cells lie in nine cells of the image most of the time
}

TEST_CASE("a view's place says where its pixels come from", "[data][views]") {
  // An image that holds its own coordinates: red is x, green is y.
  Image image(160, 120);
  for (int y = 0; y < 120; ++y)
    for (int x = 0; x < 160; ++x) image.at(x, y)[0] = uint8_t(x), image.at(x, y)[1] = uint8_t(y);
  const Source source(image);
  Recipe recipe{.size = 20, .scale = {0.2f, 0.6f}, .jitter_p = 0, .gray = 0, .blur = 0};
  recipe.vertical_flip = recipe.rotate = 0.5f;
  Rng rng(3, 4);
  std::vector<View> views(24, View(recipe));
  views.push_back(test_views(20, 30)[0]);  // cut out of a larger resized image
  int mirrored = 0, turned = 0;
  for (const View& view : views) {
    const ViewPlan plan = view.draw()(160, 120, rng);
    mirrored += plan.mirror, turned += plan.rotate;
    const Place place = place_of(plan, 20);
    const Image made = make_view(plan, 20, source);
    const double blurred = 1 + double(plan.rect.width) / plan.width;  // pixels that an antialiased one is made of
    for (int j = 1; j < 19; ++j)
      for (int i = 1; i < 19; ++i) {
        const float u = (float(i) + 0.5f) / 20, v = (float(j) + 0.5f) / 20;
        REQUIRE(double(made.at(i, j)[0]) + 0.5 ==
                Approx(place[0] * u + place[1] * v + place[2]).margin(0.5 * blurred).epsilon(0));
        REQUIRE(double(made.at(i, j)[1]) + 0.5 ==
                Approx(place[3] * u + place[4] * v + place[5]).margin(0.5 * blurred).epsilon(0));
      }
  }
  CHECK((mirrored > 4 && turned > 4));
}
