#include <fovea/data/batch.h>

#include "support/catch.h"

using namespace fovea;
using Catch::Contains;
using data::Batch;

namespace {

// Two views of one size and one of another of three images, and a field that nobody here has heard of.
Batch example() {
  Batch batch;
  batch.index = Tensor::from<int64_t>({3}, {7, 1, 4});
  batch.epoch = 2, batch.step = 5;
  batch.set("labels", Tensor::from<int64_t>({3}, {0, 1, 0}));
  batch.set("views.0", Tensor::arange(6 * 4).reshape({6, 2, 2, 1}).to(Dtype::f32));
  batch.set("views.1", Tensor::arange(3).reshape({3, 1, 1, 1}).to(Dtype::f32));
  batch.set("mask", Tensor::from<uint8_t>({3, 2}, {1, 0, 0, 1, 1, 1}));
  return batch;
}

std::vector<std::string> names_of(const Batch& batch) {
  std::vector<std::string> names;
  for (const Batch::Field& field : batch.fields()) names.push_back(field.name);
  return names;
}

}  // namespace

TEST_CASE("fields are found by name, and a missing one is told with those there are", "[data][batch]") {
  Batch batch = example();
  CHECK(batch.size() == 3);
  CHECK(batch.has("mask"));
  CHECK(!batch.has("masks"));
  CHECK(batch["mask"].shape() == Shape{3, 2});
  CHECK(batch.labels().to_vector<int64_t>() == std::vector<int64_t>{0, 1, 0});
  CHECK_THROWS_WITH(batch["target"],
                    Contains("batch: want a field \"target\", there are: labels, views.0, views.1, mask"));
  CHECK_THROWS_WITH(Batch().labels(), Contains("batch: want a field \"labels\", there are: none"));
}

TEST_CASE("setting a field again replaces its value, not its place", "[data][batch]") {
  Batch batch = example();
  batch.set("labels", Tensor::from<int64_t>({3}, {5, 6, 7}));
  CHECK(batch.labels().to_vector<int64_t>() == std::vector<int64_t>{5, 6, 7});
  CHECK(names_of(batch) == std::vector<std::string>{"labels", "views.0", "views.1", "mask"});
}

TEST_CASE("what cannot be found again is no field", "[data][batch]") {
  Batch batch = example();
  CHECK_THROWS_WITH(batch.set("target", Tensor()), Contains("want a tensor as the field \"target\""));
  CHECK_THROWS_WITH(batch.set("index", batch.index), Contains("\"index\", which is a member"));
  CHECK_THROWS_WITH(batch.set("views.3", batch["views.1"]),
                    Contains("want \"views.2\" as the next group of views, got \"views.3\""));
  CHECK_THROWS_WITH(batch.set("views.", batch["views.1"]), Contains("got \"views.\""));
}

TEST_CASE("views are rows of their group, in its memory", "[data][batch]") {
  const Batch batch = example();
  REQUIRE(batch.group_count() == 2);
  REQUIRE(batch.view_count() == 3);
  CHECK(batch.groups()[1].shares_memory(batch.group(1)));
  CHECK(batch.view(0).shape() == Shape{3, 2, 2, 1});
  CHECK(batch.view(0).shares_memory(batch.group(0)));
  CHECK(batch.view(1).shares_memory(batch.group(0).slice(3, 6)));
  CHECK(batch.view(2).shares_memory(batch.group(1)));
  CHECK(batch.views()[1].shares_memory(batch.view(1)));
  CHECK_THROWS_WITH(batch.view(3), Contains("want one of its 3 views, got number 3"));
  CHECK_THROWS_WITH(batch.group(2), Contains("want a field \"views.2\""));
  Batch odd = example();
  odd.set("views.1", Tensor::zeros({4, 1, 1, 1}));
  CHECK_THROWS_WITH(odd.views(), Contains("want views of 3 images as \"views.1\", got 4 rows"));
}

TEST_CASE("map takes every field along, whatever it is called", "[data][batch]") {
  const Batch batch = example();
  std::vector<std::string> names;
  const Batch copy = batch.map([&](std::string_view name, const Tensor& t) {
    names.emplace_back(name);
    return t.clone();
  });
  CHECK(names == std::vector<std::string>{"index", "labels", "views.0", "views.1", "mask"});
  CHECK(names_of(copy) == names_of(batch));
  CHECK(copy.epoch == 2);
  CHECK(copy.step == 5);
  CHECK(copy.index.to_vector<int64_t>() == batch.index.to_vector<int64_t>());
  CHECK(copy["mask"].to_vector<uint8_t>() == batch["mask"].to_vector<uint8_t>());
  CHECK(!copy["mask"].shares_memory(batch["mask"]));
  CHECK(copy.view(2).shares_memory(copy.group(1)));
  CHECK(batch.map([](const Tensor& t) { return t; })["mask"].shares_memory(batch["mask"]));
}

TEST_CASE("copy_ fills the memory that is there with every field", "[data][batch]") {
  Batch to = example();
  const Tensor memory = to["mask"];
  Batch from = example().map([](const Tensor& t) { return t.clone().fill_(1); });
  from.epoch = 3, from.step = 0;
  to.copy_(from);
  CHECK(to["mask"].shares_memory(memory));
  CHECK(memory.to_vector<uint8_t>() == std::vector<uint8_t>(6, 1));
  CHECK(to.index.to_vector<int64_t>() == std::vector<int64_t>(3, 1));
  CHECK(to.view(2).to_vector<float>() == std::vector<float>(3, 1));
  CHECK(to.epoch == 3);
  CHECK(to.step == 0);
}

TEST_CASE("copy_ loses no field and copies nothing of another shape", "[data][batch]") {
  const Batch from = example().map([](const Tensor& t) { return t.clone().fill_(1); });
  Batch more = example(), fewer = from, shorter = example(), floats = example();
  more.set("target", Tensor::zeros({3}));
  CHECK_THROWS_WITH(more.copy_(from), Contains("want a field \"target\""));
  fewer.set("target", Tensor::zeros({3}));
  Batch to = example();
  CHECK_THROWS_WITH(to.copy_(fewer), Contains("got labels, views.0, views.1, mask, target"));
  shorter.set("mask", Tensor::zeros({2, 2}, Dtype::u8));
  CHECK_THROWS_WITH(shorter.copy_(from), Contains("as \"mask\""));
  floats.set("mask", Tensor::zeros({3, 2}));
  CHECK_THROWS_WITH(floats.copy_(from), Contains("as \"mask\""));
  for (const Batch* batch : {&more, &to, &shorter, &floats})
    CHECK(batch->labels().to_vector<int64_t>() == std::vector<int64_t>{0, 1, 0});
}
