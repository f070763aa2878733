#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <fovea/core/tensor.h>
#include <fovea/data/batch.h>
#include <fovea/data/dataset.h>
#include <fovea/data/image/views.h>

namespace fovea::data {

struct LoaderOptions {
  int64_t batch_size = 256;
  bool shuffle = true;    // another permutation each epoch
  bool drop_last = true;  // leave out the images that do not fill a batch
  uint64_t seed = 0;
  int workers = 2;           // threads that work ahead; 0: next() makes the batch itself, on the kernels' threads
  int prefetch = 2;          // batches that workers keep ready or in work
  Dtype dtype = Dtype::f32;  // f32: normalised; u8: as the views are
  bool pinned = false;       // batches in page-locked memory, for an Uploader
  // What views are made of in place of views, for an Uploader, which makes them on the device with the same numbers.
  // Not if a view is an arbitrary function of images (views.h): then it changes nothing.
  bool raw = false;
  Normalize normalize{};
};

// For evaluation: in order, every image once.
inline LoaderOptions eval_options(int64_t batch_size = 256, int workers = 2) {
  return {.batch_size = batch_size, .shuffle = false, .drop_last = false, .workers = workers};
}

// Batches of views, epoch after epoch:
//
//   Loader loader(data, simclr_views(32), {.batch_size = 256, .seed = 1});
//   for (int epoch = 0; epoch < 10; ++epoch)
//     while (auto batch = loader.next()) train(batch->view(0), batch->view(1));
//
// Its fields (batch.h) are labels; places, unless a view is an arbitrary function of images; and views.0, views.1, ...,
// or Batch::raw in their place. What a batch holds depends on the dataset, the views, seed, epoch and step alone: not
// on the number of workers, nor on what came before. Memory: prefetch + 1 batches.
class Loader {
 public:
  // Throws Error when the dataset is empty or drop_last leaves no batch.
  Loader(DatasetPtr dataset, Views views, LoaderOptions options = {});
  ~Loader();
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;

  int64_t steps() const;  // batches in an epoch
  const Dataset& dataset() const;
  const Views& views() const;
  // The views that image `index` of the dataset has in an epoch.
  std::vector<Image> views_of(int64_t index, int64_t epoch) const;
  const LoaderOptions& options() const;

  // The next batch; nothing at the end of an epoch, and then the next epoch's first. An error on the way (a file that
  // cannot be decoded) is thrown here, naming the image; after it, and at any time, seek() starts afresh.
  std::optional<Batch> next();

  // The position next() will return; seek(epoch, step) goes there: with the same options an interrupted run goes on as
  // if it had not stopped. step may be steps(), the end of the epoch.
  int64_t epoch() const;
  int64_t step() const;
  void seek(int64_t epoch, int64_t step = 0);

  // Seconds that next() has spent waiting for data (or, without workers, making it) since construction.
  double wait_seconds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fovea::data
