#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <fovea/data/image/loader.h>

namespace fovea::kernels {
class UploadSlot;
}

namespace fovea::data {

// What a loader for `device` is asked for: a CUDA device gets the images' bytes in page-locked memory, and makes the
// views there; of views that it cannot make (LoaderOptions::raw), it gets the bytes and normalises them.
LoaderOptions for_device(LoaderOptions options, Device device);

// Hands a loader's batches out on a device, their views made and normalised there. While the device still works on one
// batch, the next one travels: the copies wait for nothing but their own place on the device, of which there are two.
//
//   Loader loader(data, views, for_device({.batch_size = 256}, device));
//   Uploader batches(loader, device);
//   while (auto batch = batches.next()) train(batch->views[0], batch->views[1]);
class Uploader {
 public:
  // Uses the loader as long as it lives.
  Uploader(Loader& loader, Device device) : loader_(loader), device_(device) {}

  // The loader's next batch, every tensor of it on the device; nothing at the end of an epoch.
  std::optional<Batch> next();

 private:
  struct Place {
    std::shared_ptr<kernels::UploadSlot> slot;
    std::vector<Tensor> host, device;  // the copy under way, and where it goes
    Tensor memory;                     // where the images go that views are made of
  };
  RawTable start_raw(Place& place, const RawViews& raw);
  Batch uploaded(const Batch& batch);

  Loader& loader_;
  Device device_;
  Place places_[2];
  int turn_ = 0;
};

}  // namespace fovea::data
