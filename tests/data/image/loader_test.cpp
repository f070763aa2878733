#include <fovea/data/image/loader.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <set>
#include <thread>

#include <fovea/core/allocator.h>
#include <fovea/data/prefetch.h>
#include <fovea/data/sets/synthetic.h>

#include "support/catch.h"

using namespace fovea;
using namespace fovea::data;

namespace {

bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

bool same(const Batch& a, const Batch& b) {
  if (a.epoch != b.epoch || a.step != b.step || a.fields().size() != b.fields().size()) return false;
  for (const Batch::Field& field : a.fields())
    if (!b.has(field.name) || !same(field.value, b[field.name])) return false;
  return same(a.index, b.index);
}

// All batches of some epochs from where the loader stands.
std::vector<Batch> collect(Loader& loader, int epochs) {
  std::vector<Batch> batches;
  for (int i = 0; i < epochs; ++i)
    while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

void require_same(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    INFO("batch " << i);
    REQUIRE(same(a[i], b[i]));
  }
}

// Throws for one image, as a file that cannot be decoded would.
class OneBad : public Dataset {
 public:
  OneBad(int64_t size, int64_t bad) : good_(synthetic(size)), bad_(bad) {}
  int64_t size() const override { return good_->size(); }
  int64_t label(int64_t i) const override { return good_->label(i); }
  const std::vector<std::string>& classes() const override { return good_->classes(); }
  int image_size() const override { return 32; }
  Source get(int64_t i) const override {
    if (i == bad_) throw Error("photo.jpg: truncated JPEG");
    return good_->get(i);
  }

 private:
  DatasetPtr good_;
  int64_t bad_;
};

}  // namespace

TEST_CASE("batches are the same for any number of workers", "[data][loader]") {
  const DatasetPtr images = synthetic(45);
  auto run = [&](int workers, int prefetch) {
    Loader loader(images, dino_views({.size = 16, .local_size = 8, .locals = 2}),
                  {.batch_size = 10, .seed = 5, .workers = workers, .prefetch = prefetch});
    return collect(loader, 3);
  };
  const std::vector<Batch> inline_batches = run(0, 2);
  REQUIRE(inline_batches.size() == 12);
  require_same(run(1, 1), inline_batches);
  require_same(run(1, 3), inline_batches);
  require_same(run(4, 2), inline_batches);
  require_same(run(4, 5), inline_batches);
}

TEST_CASE("a batch holds normalised views, labels and indices", "[data][loader]") {
  const DatasetPtr images = synthetic(20);
  Loader loader(images, dino_views({.size = 16, .local_size = 8, .locals = 3}), {.batch_size = 6, .workers = 1});
  const Batch batch = *loader.next();
  CHECK(batch.size() == 6);
  REQUIRE(batch.view_count() == 5);
  CHECK(batch.view(0).shape() == Shape{6, 16, 16, 3});
  CHECK(batch.view(4).shape() == Shape{6, 8, 8, 3});
  REQUIRE(batch.group_count() == 2);
  CHECK(batch.group(0).shape() == Shape{12, 16, 16, 3});
  CHECK(batch.group(1).shape() == Shape{18, 8, 8, 3});
  CHECK(batch.group(1).shares_memory(batch.view(2)));
  CHECK(same(batch.group(0).slice(6, 12), batch.view(1)));
  for (int64_t i = 0; i < 6; ++i) {
    const int64_t index = batch.index.data<int64_t>()[i];
    CHECK(batch.labels().data<int64_t>()[i] == images->label(index));
  }
}

TEST_CASE("a batch says where its views lie, also where they are made on a device", "[data][loader]") {
  const DatasetPtr images = synthetic(20);
  const Views views = dino_views({.size = 16, .local_size = 8, .locals = 3});
  Loader made(images, views, {.batch_size = 10, .seed = 3, .workers = 1});
  Loader raw(images, views, {.batch_size = 10, .seed = 3, .workers = 1, .raw = true});
  const Batch batch = *made.next();
  REQUIRE(batch["places"].shape() == Shape{5, 10, 2, 3});
  CHECK(same((*raw.next())["places"], batch["places"]));
  for (int64_t i = 0; i < 5 * 10; ++i) {  // crops of images of 32 pixels, mirrored or not
    const float* place = batch["places"].data<float>() + i * 6;
    CHECK((place[1] == 0 && place[3] == 0 && place[4] > 0));
    CHECK((std::min(place[2], place[2] + place[0]) >= 0 && std::max(place[2], place[2] + place[0]) <= 32));
    CHECK((place[5] >= 0 && place[5] + place[4] <= 32));
  }
  for (int64_t i = 0; i < 10; ++i) {  // [views, N]: what is drawn for an image, view after view
    Rng rng = sample_rng(3, 0, batch.index.data<int64_t>()[i]);
    for (int v = 0; v < views.count(); ++v) {
      const Place place = place_of(views[v].draw()(32, 32, rng), views[v].size());
      CHECK(std::memcmp(batch["places"].data<float>() + (v * 10 + i) * 6, place.data(), sizeof(place)) == 0);
    }
  }
  Loader other(images, Views({View(32, [](const Source& source, Rng&) { return *source.image(); })}),
               {.batch_size = 10});
  CHECK(!other.next()->has("places"));
}

TEST_CASE("8-bit batches are the normalised ones before normalising", "[data][loader]") {
  const DatasetPtr images = synthetic(8);
  Loader floats(images, simclr_views(12), {.batch_size = 8, .seed = 3, .workers = 0});
  Loader bytes(images, simclr_views(12), {.batch_size = 8, .seed = 3, .workers = 0, .dtype = Dtype::u8});
  const Batch a = *floats.next(), b = *bytes.next();
  for (int64_t i = 0; i < 8; ++i) {
    const Image image = Normalize().invert(a.view(1).data<float>() + i * 12 * 12 * 3, 12, 12);
    CHECK(std::memcmp(image.data(), b.view(1).data<uint8_t>() + i * 12 * 12 * 3, image.bytes()) == 0);
  }
}

TEST_CASE("an epoch shows every image once, in another order each time", "[data][loader]") {
  Loader loader(synthetic(30), test_views(8), {.batch_size = 10, .seed = 1, .workers = 2});
  std::vector<std::vector<int64_t>> epochs;
  for (int e = 0; e < 3; ++e) {
    std::vector<int64_t> order;
    while (auto batch = loader.next()) {
      CHECK(batch->epoch == e);
      CHECK(batch->step == int64_t(order.size()) / 10);
      for (int64_t i : batch->index.to_vector<int64_t>()) order.push_back(i);
    }
    CHECK(std::set<int64_t>(order.begin(), order.end()).size() == 30);
    epochs.push_back(order);
  }
  CHECK(epochs[0] != epochs[1]);
  CHECK(epochs[1] != epochs[2]);
  Loader other(synthetic(30), test_views(8), {.batch_size = 30, .seed = 2, .workers = 0});
  CHECK(other.next()->index.to_vector<int64_t>() != epochs[0]);
}

TEST_CASE("random numbers differ from epoch to epoch and from image to image", "[data][loader]") {
  const DatasetPtr twins = subset(synthetic(1), {0, 0});
  Loader loader(twins, simclr_views(16), {.batch_size = 2, .shuffle = false, .workers = 0});
  const Batch first_epoch = *loader.next();
  CHECK(!loader.next());
  const Batch second_epoch = *loader.next();
  CHECK(!same(first_epoch.view(0), second_epoch.view(0)));
  CHECK(!same(first_epoch.view(0).slice(0, 1), first_epoch.view(0).slice(1, 2)));
}

TEST_CASE("for evaluation every image comes once, in order, the last batch short", "[data][loader]") {
  for (int workers : {0, 1, 3}) {
    Loader loader(synthetic(23), test_views(8), eval_options(10, workers));
    CHECK(loader.steps() == 3);
    for (int round = 0; round < 2; ++round) {
      int64_t expected = 0;
      while (auto batch = loader.next())
        for (int64_t i : batch->index.to_vector<int64_t>()) CHECK(i == expected++);
      CHECK(expected == 23);
    }
  }
}

TEST_CASE("a loader goes on from any position as if it had not stopped", "[data][loader]") {
  const DatasetPtr images = synthetic(50);
  for (int workers : {0, 3}) {
    const LoaderOptions options{.batch_size = 8, .seed = 9, .workers = workers};
    Loader whole(images, simclr_views(12), options);
    const std::vector<Batch> batches = collect(whole, 3);
    REQUIRE(batches.size() == 18);
    for (size_t stop : {0, 1, 5, 6, 7, 17}) {
      INFO("stopped before batch " << stop);
      Loader before(images, simclr_views(12), options);
      for (size_t taken = 0; taken < stop;) taken += before.next().has_value();
      Loader after(images, simclr_views(12), options);
      after.seek(before.epoch(), before.step());
      std::vector<Batch> rest;
      while (rest.size() < batches.size() - stop)
        if (auto batch = after.next()) rest.push_back(std::move(*batch));
      require_same(rest,
                   {std::make_move_iterator(batches.begin() + int64_t(stop)), std::make_move_iterator(batches.end())});
      // Back again, in the middle of work.
      after.seek(1, 2);
      CHECK(same(*after.next(), batches[8]));
    }
    CHECK_THROWS_WITH(whole.seek(0, 7), Catch::Contains("step in [0, 6]"));
    CHECK_THROWS_WITH(whole.seek(-1), Catch::Contains("epoch of at least 0"));
  }
}

TEST_CASE("positions count batches taken, and an epoch's end once it was announced", "[data][loader]") {
  Loader loader(synthetic(20), test_views(8), {.batch_size = 10, .workers = 2});
  CHECK(loader.epoch() == 0);
  CHECK(loader.step() == 0);
  loader.next();
  CHECK(loader.step() == 1);
  loader.next();
  CHECK(loader.step() == 2);
  CHECK(loader.epoch() == 0);
  CHECK(!loader.next());
  CHECK(loader.epoch() == 1);
  CHECK(loader.step() == 0);
}

TEST_CASE("an error in a worker surfaces in next() and names the image", "[data][loader]") {
  for (int workers : {0, 1, 4}) {
    Loader loader(std::make_shared<OneBad>(40, 13), simclr_views(8),
                  {.batch_size = 10, .shuffle = false, .workers = workers});
    CHECK(loader.next().has_value());
    CHECK_THROWS_WITH(loader.next(), Catch::Contains("loader: image 13: photo.jpg: truncated JPEG"));
    // Whoever wants to may go on behind the bad batch, or elsewhere.
    CHECK(loader.next()->step == 2);
    loader.seek(0, 0);
    CHECK(loader.next()->step == 0);
  }
}

TEST_CASE("a view of the wrong size is an error", "[data][loader]") {
  const View wrong(8, [](const Source&, Rng&) { return Image(7, 8); });
  Loader loader(synthetic(4), Views({wrong}), {.batch_size = 4, .workers = 1});
  CHECK_THROWS_WITH(loader.next(), Catch::Contains("want a view of 8 x 8 pixels, got 7 x 8"));
}

TEST_CASE("a loader can go at any time", "[data][loader]") {
  const DatasetPtr images = synthetic(200);
  for (int round = 0; round < 20; ++round) {
    Loader loader(images, simclr_views(16), {.batch_size = 16, .workers = 1 + round % 4, .prefetch = 1 + round % 3});
    for (int i = 0; i < round % 5; ++i) loader.next();
  }
  Loader never_started(images, simclr_views(16), {.batch_size = 16, .workers = 2});
  Loader a(images, simclr_views(16), {.batch_size = 16, .workers = 2});
  a.next();
  Loader moved = std::move(a);
  CHECK(moved.next()->step == 1);
  moved = Loader(images, simclr_views(16), {.batch_size = 16, .workers = 1});
  CHECK(moved.next()->step == 0);
}

TEST_CASE("waiting for data is timed", "[data][loader]") {
  using namespace std::chrono_literals;
  const View slow(8, [](const Source&, Rng&) {
    std::this_thread::sleep_for(5ms);
    Image image(8, 8);
    std::memset(image.data(), 0, image.bytes());
    return image;
  });
  for (int workers : {0, 1}) {
    Loader loader(synthetic(4), Views({slow}), {.batch_size = 2, .workers = workers});
    CHECK(loader.wait_seconds() == 0);
    loader.next();
    CHECK(loader.wait_seconds() > 0.009);
  }
}

TEST_CASE("workers rest behind the last batch of an evaluation", "[data][loader]") {
  std::atomic<int> made{0};
  const View counting(8, [&made](const Source&, Rng&) {
    ++made;
    Image image(8, 8);
    std::memset(image.data(), 0, image.bytes());
    return image;
  });
  Loader loader(synthetic(20), Views({counting}), eval_options(5, 2));
  while (loader.next()) {
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(made == 20);
  while (loader.next()) {
  }
  CHECK(made == 40);
}

TEST_CASE("later epochs take their memory from what earlier ones gave back", "[data][loader]") {
  Loader loader(synthetic(64), simclr_views(16), {.batch_size = 16, .workers = 2});
  auto epoch = [&] {
    while (loader.next()) {
    }
  };
  epoch();
  epoch();
  const size_t mapped = allocator(Device::cpu()).stats().map_calls;
  epoch();
  epoch();
  CHECK(allocator(Device::cpu()).stats().map_calls == mapped);
}

TEST_CASE("loader options are checked", "[data][loader]") {
  const DatasetPtr images = synthetic(4);
  CHECK_THROWS_WITH(Loader(nullptr, test_views(8)), Catch::Contains("want a dataset"));
  CHECK_THROWS_WITH(Loader(subset(images, {}), test_views(8)), Catch::Contains("empty one"));
  CHECK_THROWS_WITH(Loader(images, test_views(8), {.batch_size = 0}), Catch::Contains("positive batch size"));
  CHECK_THROWS_WITH(Loader(images, test_views(8), {.batch_size = 5}), Catch::Contains("at most the 4 images"));
  CHECK_THROWS_WITH(Loader(images, test_views(8), {.batch_size = 2, .workers = -1}),
                    Catch::Contains("0 to 256 workers"));
  CHECK_THROWS_WITH(Loader(images, test_views(8), {.batch_size = 2, .dtype = Dtype::i64}),
                    Catch::Contains("f32 or u8"));
  CHECK(Loader(images, test_views(8), {.batch_size = 5, .drop_last = false}).steps() == 1);
}

TEST_CASE("a loader tells which views an image has in an epoch", "[data][loader]") {
  const DatasetPtr dataset = synthetic(12, {.image_size = 20});
  Loader loader(dataset, simclr_views(16), {.batch_size = 4, .seed = 3, .workers = 0, .dtype = Dtype::u8});
  for (int epoch = 0; epoch < 2; ++epoch)
    while (auto batch = loader.next())
      for (int64_t i = 0; i < batch->size(); ++i) {
        const std::vector<Image> views = loader.views_of(batch->index.data<int64_t>()[i], batch->epoch);
        REQUIRE(views.size() == 2);
        for (size_t v = 0; v < 2; ++v) {
          const uint8_t* made = batch->view(int64_t(v)).data<uint8_t>() + i * int64_t(views[v].bytes());
          CHECK(std::equal(made, made + views[v].bytes(), views[v].data()));
        }
      }
}
