#include <fovea/data/image/uploader.h>

#include "support/catch.h"

using namespace fovea;

TEST_CASE("on the CPU an uploader hands batches on, with fields that it knows nothing of", "[data][uploader]") {
  const data::Split split = data::open_dataset("synthetic:8");
  data::Loader loader(split.train, data::test_views(16), data::eval_options(4, 0));
  data::Uploader images(loader, Device::cpu());
  CHECK(images.next()->view(0).shape() == Shape{4, 16, 16, 3});

  const Tensor mask = Tensor::ones({4, 7}, Dtype::u8);
  data::Uploader masked(
      [&] {
        auto batch = loader.next();
        if (batch) batch->set("mask", mask);
        return batch;
      },
      Device::cpu());
  const auto batch = masked.next();
  REQUIRE(batch);
  CHECK(batch->step == 1);
  CHECK((*batch)["mask"].shares_memory(mask));
  CHECK(batch->has("labels"));
  CHECK(!masked.next());
}
