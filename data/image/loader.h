#pragma once

#include <memory>
#include <vector>

#include <fovea/core/tensor.h>
#include <fovea/data/batch.h>
#include <fovea/data/dataset.h>
#include <fovea/data/image/views.h>
#include <fovea/data/prefetch.h>

namespace fovea::data {

class ImageMaker;  // private to loader.cpp

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
class Loader : public Prefetch {
 public:
  // Throws Error when the dataset is empty or drop_last leaves no batch.
  Loader(DatasetPtr dataset, Views views, const LoaderOptions& options = {});

  const Dataset& dataset() const;
  const Views& views() const;
  // The views that image `index` of the dataset has in an epoch.
  std::vector<Image> views_of(int64_t index, int64_t epoch) const;
  const LoaderOptions& options() const;

 private:
  explicit Loader(std::shared_ptr<const ImageMaker> images);
  std::shared_ptr<const ImageMaker> images_;
};

}  // namespace fovea::data
