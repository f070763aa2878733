#include <fovea/core/ops.h>
#include <fovea/data/image/uploader.h>

#include "support/catch.h"

using namespace fovea;

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
    CHECK(found[i].labels().to_vector<int64_t>() == expected[i].labels().to_vector<int64_t>());
    CHECK(found[i].index.to_vector<int64_t>() == expected[i].index.to_vector<int64_t>());
    CHECK(found[i]["places"].to_vector<float>() == expected[i]["places"].to_vector<float>());
    REQUIRE(found[i].view_count() == 2);
    for (int64_t v = 0; v < 2; ++v) {
      CHECK(found[i].view(v).device() == Device::cuda());
      CHECK(max(abs(found[i].view(v).to(Device::cpu()) - expected[i].view(v))).item() < 1e-5);
    }
  }
}

TEST_CASE("on the CPU an uploader hands the loader's batches on", "[cuda][data]") {
  const data::Split split = data::open_dataset("synthetic:8");
  data::Loader loader(split.train, data::test_views(16), data::eval_options(4, 0));
  data::Uploader batches(loader, Device::cpu());
  CHECK(batches.next()->view(0).shape() == Shape{4, 16, 16, 3});
}
