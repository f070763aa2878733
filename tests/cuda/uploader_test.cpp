#include <fovea/data/image/uploader.h>

#include <fovea/core/ops.h>
#include <fovea/models/training/step_graph.h>
#include <fovea/nn/layers/linear.h>

#include "support/catch.h"

using namespace fovea;

namespace {

std::vector<std::string> names_of(const data::Batch& batch) {
  std::vector<std::string> names;
  for (const data::Batch::Field& field : batch.fields()) names.push_back(field.name);
  return names;
}

// Batches of three samples with a field that no code of the library names; `ended` of them.
std::function<std::optional<data::Batch>()> masked_batches(int64_t ended) {
  return [ended, step = int64_t(0)]() mutable -> std::optional<data::Batch> {
    if (step == ended) return std::nullopt;
    data::Batch batch;
    batch.step = step++;
    auto pinned = [](const Tensor& t) { return Tensor::pinned(t.shape(), t.dtype()).copy_(t); };
    batch.index = pinned(Tensor::from<int64_t>({3}, {batch.step, 1, 2}));
    batch.set("views.0", pinned(Tensor::full({6, 2, 2, 3}, double(batch.step), Dtype::u8)));
    batch.set("mask", pinned(Tensor::full({3, 5}, double(100 + batch.step), Dtype::u8)));
    return batch;
  };
}

}  // namespace

TEST_CASE("batches that travel to the device while it works are the loader's", "[cuda][data]") {
  const data::Split split = data::open_dataset("synthetic:40");
  const data::LoaderOptions options{.batch_size = 8, .drop_last = false, .seed = 5, .workers = 1};
  data::Loader plain(split.train, data::simclr_views(16), options);
  data::Loader loader(split.train, data::simclr_views(16), data::for_device(options, Device::cuda()));
  data::Uploader batches(loader, Device::cuda());
  std::vector<data::Batch> expected, found;
  for (int epoch = 0; epoch < 2; ++epoch) {
    while (auto batch = plain.next()) expected.push_back(std::move(*batch));
    while (auto batch = batches.next()) found.push_back(std::move(*batch));  // no batch is overwritten by later ones
  }
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].epoch == expected[i].epoch);
    CHECK(found[i].step == expected[i].step);
    CHECK(!found[i].raw);
    CHECK(found[i].index.to_vector<int64_t>() == expected[i].index.to_vector<int64_t>());
    CHECK(names_of(found[i]) == std::vector<std::string>{"labels", "places", "views.0"});
    CHECK(names_of(found[i]) == names_of(expected[i]));
    for (const auto& [name, value] : found[i].fields()) {
      INFO(name);
      CHECK(value.device() == Device::cuda());
      REQUIRE(value.shape() == expected[i][name].shape());
      REQUIRE(value.dtype() == expected[i][name].dtype());
      const std::vector<float> a = value.to_vector<float>(), b = expected[i][name].to_vector<float>();
      for (size_t k = 0; k < a.size(); ++k) CHECK(std::abs(a[k] - b[k]) < 1e-5f);
    }
    REQUIRE(found[i].view_count() == 2);
  }
}

TEST_CASE("8-bit views are normalised on the device, other bytes are left alone", "[cuda][data]") {
  const data::Split split = data::open_dataset("synthetic:8");
  const data::LoaderOptions options{.batch_size = 4, .workers = 0};
  data::LoaderOptions bytes = data::for_device(options, Device::cuda());
  bytes.raw = false;
  data::Loader plain(split.train, data::dino_views({.size = 16, .local_size = 8, .locals = 2}), options);
  data::Loader loader(split.train, data::dino_views({.size = 16, .local_size = 8, .locals = 2}), bytes);
  data::Uploader batches(loader, Device::cuda());
  const auto expected = plain.next(), found = batches.next();
  CHECK(names_of(*found) == std::vector<std::string>{"labels", "places", "views.0", "views.1"});
  for (int64_t g = 0; g < 2; ++g) CHECK(max(abs(found->group(g).to(Device::cpu()) - expected->group(g))).item() < 1e-5);

  data::Uploader others(masked_batches(5), Device::cuda());
  std::vector<data::Batch> all;
  while (auto batch = others.next()) all.push_back(std::move(*batch));
  REQUIRE(all.size() == 5);
  for (int64_t step = 0; step < 5; ++step) {
    const data::Batch& batch = all[size_t(step)];
    CHECK(batch.step == step);
    CHECK(batch.index.to_vector<int64_t>() == std::vector<int64_t>{step, 1, 2});
    CHECK(names_of(batch) == std::vector<std::string>{"views.0", "mask"});
    CHECK(batch["mask"].device() == Device::cuda());
    CHECK(batch["mask"].to_vector<uint8_t>() == std::vector<uint8_t>(15, uint8_t(100 + step)));
    CHECK(batch.view(1).to_vector<uint8_t>() == std::vector<uint8_t>(36, uint8_t(step)));
  }
}

TEST_CASE("a field that nobody knows of passes through the uploader and a recorded step", "[cuda][data][graph]") {
  nn::Linear model({.in = 2, .out = 2});
  model.to(Device::cuda());
  Tensor seen = Tensor::zeros({3, 5}, Dtype::f32, Device::cuda());
  models::StepGraph graph(Device::cuda(), model,
                          [&](const data::Batch& batch) { seen.copy_(batch["mask"].to(Dtype::f32)); });
  data::Uploader batches(masked_batches(6), Device::cuda());
  int replayed = 0;
  while (auto batch = batches.next()) {
    seen.fill_(0);
    if (!graph.run(*batch)) continue;
    ++replayed;
    CHECK(seen.to_vector<float>() == std::vector<float>(15, float(100 + batch->step)));
  }
  CHECK(replayed == 4);
}

TEST_CASE("on the CPU an uploader hands the loader's batches on", "[cuda][data]") {
  const data::Split split = data::open_dataset("synthetic:8");
  data::Loader loader(split.train, data::test_views(16), data::eval_options(4, 0));
  data::Uploader batches(loader, Device::cpu());
  CHECK(batches.next()->view(0).shape() == Shape{4, 16, 16, 3});
}
