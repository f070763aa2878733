#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fovea/data/image/loader.h>

namespace fovea::kernels {
class UploadSlot;
}

namespace fovea::data {

struct RawTable;  // raw_views.h

// What a loader for `device` is asked for: a CUDA device gets the images' bytes in page-locked memory, and makes the
// views there; of views that it cannot make (LoaderOptions::raw), it gets the bytes and normalises them.
LoaderOptions for_device(LoaderOptions options, Device device);

// Hands batches out on a device, each field of them, a Loader's views made and normalised there. While the device still
// works on one batch, the next one travels: the copies wait for nothing but their own place on the device, of which
// there are two.
//
//   Loader loader(data, views, for_device({.batch_size = 256}, device));
//   Uploader batches(loader, device);
//   while (auto batch = batches.next()) train(batch->view(0), batch->view(1));
class Uploader {
 public:
  // Uses the loader as long as it lives.
  Uploader(Loader& loader, Device device);
  // The batches of something else, their fields as they are. They travel beside the device's work if they lie in
  // page-locked memory (PrefetchOptions::pinned).
  Uploader(std::function<std::optional<Batch>()> next, Device device) : next_(std::move(next)), device_(device) {}

  // The next batch, every tensor of it on the device; nothing at the end of an epoch.
  std::optional<Batch> next();

 private:
  struct Place {
    std::shared_ptr<kernels::UploadSlot> slot;
    std::map<std::string, Tensor> fields;  // where they go, by name
    Tensor memory;                         // where the images go that views are made of
    Batch host;                            // the copy under way,
    Tensor table;                          // and that of its raw views
  };
  Batch start(Place& place);
  RawTable start_raw(Place& place);
  Batch uploaded(const Batch& batch);

  std::function<std::optional<Batch>()> next_;
  const Loader* images_ = nullptr;
  Device device_;
  Place places_[2];
  int turn_ = 0;
};

}  // namespace fovea::data
