#include <fovea/core/ops.h>
#include <fovea/data/image/uploader.h>
#include <fovea/data/sets/synthetic.h>

#include "support/catch.h"

using namespace fovea;
using namespace fovea::data;

namespace {

// Pictures of many shapes: structure with noise on it, so that no step meets a plain area.
class Pictures : public Dataset {
 public:
  int64_t size() const override { return 7; }
  Source get(int64_t i) const override {
    const int sizes[7][2] = {{40, 40}, {61, 37}, {23, 90}, {16, 16}, {9, 13}, {120, 77}, {32, 32}};
    Image image(sizes[i][0], sizes[i][1]);
    Rng rng(9, uint64_t(i));
    for (int y = 0; y < image.height(); ++y)
      for (int x = 0; x < image.width(); ++x)
        for (int c = 0; c < 3; ++c)
          image.at(x, y)[c] = uint8_t((x * (c + 2) + y * (5 - c) + int(rng.integer(0, 90))) % 256);
    return image;
  }
  int64_t label(int64_t i) const override { return i; }
  const std::vector<std::string>& classes() const override { return classes_; }
  int image_size() const override { return 32; }

 private:
  std::vector<std::string> classes_ = std::vector<std::string>(7, "picture");
};

void compare(const Views& views, const DatasetPtr& dataset, int64_t batch = 7) {
  const LoaderOptions options{.batch_size = batch, .drop_last = false, .seed = 21, .workers = 0};
  Loader on_cpu(dataset, views, options), packed(dataset, views, for_device(options, Device::cuda()));
  REQUIRE(packed.options().raw);
  Uploader on_device(packed, Device::cuda());
  for (auto expected = on_cpu.next(); expected; expected = on_cpu.next()) {
    auto found = on_device.next();
    REQUIRE(found);
    REQUIRE(found->view_count() == expected->view_count());
    REQUIRE(found->group_count() == expected->group_count());
    CHECK(found->labels().to_vector<int64_t>() == expected->labels().to_vector<int64_t>());
    for (int64_t v = 0; v < expected->view_count(); ++v) {
      INFO("view " << v << " of " << expected->view(v).shape().str());
      CHECK(found->view(v).device() == Device::cuda());
      const Tensor picture = found->view(v).to(Device::cpu());
      REQUIRE(picture.shape() == expected->view(v).shape());
      int64_t different = 0;
      for (int64_t i = 0; i < picture.numel(); ++i)
        different += static_cast<const Tensor&>(picture).data<float>()[i] != expected->view(v).data<float>()[i];
      CHECK(different == 0);
    }
  }
}

}  // namespace

TEST_CASE("views made on the device are the CPU's to the bit: every preset", "[cuda][augment]") {
  const DatasetPtr pictures = std::make_shared<Pictures>();
  for (int size : {32, 21}) {
    INFO("size " << size);
    compare(simclr_views(size, {.strength = 1}), pictures);
    compare(byol_views(size), pictures);
    compare(simsiam_views(size, 3), pictures);
    compare(mocov1_views(size), pictures);
    compare(swav_views({.size = size, .local_size = 14}), pictures);
    compare(dino_views({.size = size, .local_size = 16}), pictures);
    compare(dinov2_views({.size = size, .local_size = 14}), pictures);
    compare(smog_views(size), pictures);
    compare(msn_views({.size = size, .local_size = 16}), pictures);
    compare(vicreg_views(size), pictures);
    compare(vicregl_views(size), pictures);
    compare(mae_views(size), pictures);
    compare(simmim_views(size), pictures);
    compare(probe_views(size), pictures);
    compare(test_views(size), pictures);
    compare(test_views(size, size - 6), pictures);  // smaller than the crop: a black border
    compare(test_views(size, size + 9), pictures);
  }
}

TEST_CASE("views made on the device are the CPU's to the bit: flips, turns and wide blurs", "[cuda][augment]") {
  const DatasetPtr pictures = std::make_shared<Pictures>();
  for (int size : {16, 33}) {
    compare(Views({Recipe{.size = size, .flip = 1, .vertical_flip = 0.5f, .rotate = 0.5f, .blur = 0}}), pictures, 3);
    compare(Views({Recipe{.size = size,
                          .vertical_flip = 0.5f,
                          .rotate = 0.7f,
                          .blur = 1,
                          .blur_kernel = {0, {3, 9}},
                          .solarize = 0.5f}}),
            pictures);
    compare(Views({Recipe{
                .size = size, .blur = 1, .blur_kernel = {5, {0.5f, 1}}, .solarize = 1, .solarize_before_blur = true}}),
            pictures);
  }
}

TEST_CASE("views made on the device are the CPU's to the bit: rows too wide for shared memory", "[cuda][augment]") {
  class Wide : public Pictures {
    int64_t size() const override { return 1; }
    Source get(int64_t) const override {
      Image image(3001, 9);
      for (size_t i = 0; i < image.bytes(); ++i) image.data()[i] = uint8_t(i * i % 251);
      return image;
    }
  };
  compare(test_views(16), std::make_shared<Wide>(), 1);
  compare(simclr_views(16), std::make_shared<Wide>(), 1);
}

TEST_CASE("views that are functions of images are made on the CPU", "[cuda][augment]") {
  const Views views({View(8, [](const Source& source, Rng&) { return source.crop(source.rect(), 8, 8); })});
  const LoaderOptions options{.batch_size = 4, .workers = 0};
  Loader on_cpu(synthetic(8, {.image_size = 12}), views, options),
      loader(synthetic(8, {.image_size = 12}), views, for_device(options, Device::cuda()));
  CHECK(!loader.options().raw);
  Uploader batches(loader, Device::cuda());
  Tensor found = batches.next()->view(0).to(Device::cpu());
  CHECK(max(abs(found - on_cpu.next()->view(0))).item() < 1e-5);
}
