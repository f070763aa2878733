#include <fovea/data/image/loader.h>

#include <algorithm>
#include <cstring>

#include <fovea/core/check.h>
#include <fovea/data/image/raw_views.h>
#include <fovea/data/prefetch.h>

namespace fovea::data {

// Batches of images: labels, places, and views or what they are made of.
class ImageMaker : public BatchMaker {
 public:
  ImageMaker(DatasetPtr dataset, Views views, const LoaderOptions& options)
      : dataset_(std::move(dataset)), views_(std::move(views)), options_(options) {}
  const Dataset& dataset() const { return *dataset_; }
  const Views& views() const { return views_; }
  const LoaderOptions& options() const { return options_; }

  int64_t size() const override { return dataset_->size(); }
  std::string_view sample() const override { return "image"; }

  void begin(Batch& batch, const Room& room) const override {
    const int64_t n = batch.size();
    batch.set("labels", room({n}, Dtype::i64));
    if (planned_) batch.set("places", room({views_.count(), n, 2, 3}, Dtype::f32));
    if (options_.raw) {
      batch.raw = std::make_shared<RawViews>();
      batch.raw->parts.resize(size_t(Chunk::count(n)));
      return;
    }
    int view = 0;
    for (int count : views_.groups()) {
      const int64_t side = views_[view].size();
      batch.set(fmt::format("views.{}", batch.group_count()),
                room({count * n, side, side, Image::kChannels}, options_.dtype));
      view += count;
    }
  }

  void make(Batch& batch, const Chunk& chunk) const override {
    Tensor labels = batch.labels();
    std::vector<Tensor> views = batch.views();
    RawPacker packer(views_);
    chunk.each([&](int64_t row, int64_t index, Rng& rng) {
      labels.data<int64_t>()[row] = dataset_->label(index);
      const std::vector<Place> places =
          options_.raw ? packer.add(dataset_->get(index), rng) : make_views(views, row, dataset_->get(index), rng);
      if (planned_) put_places(batch, row, places);
    });
    if (options_.raw) batch.raw->parts[size_t(chunk.number())] = packer.pack(options_.pinned);
  }

 private:
  // The views of an image to their rows. Returns where they lie, if that is known.
  std::vector<Place> make_views(std::vector<Tensor>& to, int64_t row, Source source, Rng& rng) const {
    if (views_.count() > 1) source.decode();
    std::vector<Place> places;
    auto make = [&](const View& view) {
      if (!planned_) return view(source, rng);
      const ViewPlan plan = view.draw()(source.width(), source.height(), rng);
      places.push_back(place_of(plan, view.size()));
      return make_view(plan, view.size(), source);
    };
    for (int v = 0; v < views_.count(); ++v) {
      const int side = views_[v].size();
      const Image image = make(views_[v]);
      check(image.width() == side && image.height() == side, "want a view of {} x {} pixels, got {} x {}", side, side,
            image.width(), image.height());
      Tensor& out = to[size_t(v)];
      if (options_.dtype == Dtype::u8)
        std::memcpy(out.data<uint8_t>() + row * int64_t(image.bytes()), image.data(), image.bytes());
      else
        options_.normalize(image, out.data<float>() + row * int64_t(image.bytes()));
    }
    return places;
  }

  static void put_places(Batch& batch, int64_t row, const std::vector<Place>& places) {
    Tensor out = batch["places"];
    for (size_t v = 0; v < places.size(); ++v)
      std::copy(places[v].begin(), places[v].end(),
                out.data<float>() + (int64_t(v) * batch.size() + row) * int64_t(places[v].size()));
  }

  DatasetPtr dataset_;
  Views views_;
  LoaderOptions options_;
  const bool planned_ = all_planned(views_);
};

static std::shared_ptr<const ImageMaker> maker_of(DatasetPtr dataset, Views views, LoaderOptions options) {
  check(dataset != nullptr, "Loader: want a dataset, got none");
  check(options.dtype == Dtype::f32 || options.dtype == Dtype::u8, "Loader: want views as f32 or u8, got {}",
        name_of(options.dtype));
  options.raw = options.raw && all_planned(views);
  return std::make_shared<ImageMaker>(std::move(dataset), std::move(views), options);
}

static PrefetchOptions prefetch_options(const LoaderOptions& o) {
  return {.batch_size = o.batch_size,
          .shuffle = o.shuffle,
          .drop_last = o.drop_last,
          .seed = o.seed,
          .workers = o.workers,
          .prefetch = o.prefetch,
          .pinned = o.pinned};
}

Loader::Loader(std::shared_ptr<const ImageMaker> images)
    : Prefetch(images, prefetch_options(images->options())), images_(std::move(images)) {}
Loader::Loader(DatasetPtr dataset, Views views, const LoaderOptions& options)
    : Loader(maker_of(std::move(dataset), std::move(views), options)) {}

const Dataset& Loader::dataset() const {
  return images_->dataset();
}
const Views& Loader::views() const {
  return images_->views();
}
const LoaderOptions& Loader::options() const {
  return images_->options();
}
std::vector<Image> Loader::views_of(int64_t index, int64_t epoch) const {
  Rng rng = sample_rng(options().seed, epoch, index);
  return views()(dataset().get(index), rng);
}
}  // namespace fovea::data
