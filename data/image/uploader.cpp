#include <fovea/data/image/uploader.h>

#include <fovea/config.h>
#include <fovea/core/check.h>
#include <fovea/data/image/raw_views.h>
#include <fovea/kernels/upload_slot.h>

namespace fovea::data {

LoaderOptions for_device(LoaderOptions options, Device device) {
  if (device.is_cuda()) options.dtype = Dtype::u8, options.pinned = options.raw = true;
  return options;
}

Uploader::Uploader(Loader& loader, Device device) : Uploader([&loader] { return loader.next(); }, device) {
  images_ = &loader;
}

std::optional<Batch> Uploader::next() {
  std::optional<Batch> batch = next_();
  if (batch && device_.is_cuda()) return uploaded(*batch);
  return batch;
}

// Each tensor to memory of its shape, which is the result.
Batch Uploader::start(Place& place) {
  Batch out;
  if constexpr (kHasCuda) {
    out = place.host.map([&](std::string_view name, const Tensor& host) {
      Tensor& there = place.fields[std::string(name)];
      if (!there.defined() || there.shape() != host.shape() || there.dtype() != host.dtype()) {
        there = Tensor::empty(host.shape(), host.dtype(), device_);
        place.slot->release();
      }
      place.slot->copy(host.raw(), there.raw(), host.bytes());
      return there;
    });
  }
  return out;
}

// The table and the pixels behind it, to a memory that is as large as it was ever asked to be.
RawTable Uploader::start_raw(Place& place) {
  RawTable table = raw_table(*place.host.raw, images_->views(), images_->options().pinned);
  if constexpr (kHasCuda) {
    const int64_t bytes = table.pixels_at + table.pixel_bytes;
    if (!place.memory.defined() || place.memory.numel() < bytes) {
      place.memory = Tensor::empty({bytes + bytes / 4}, Dtype::u8, device_);
      place.slot->release();
    }
    uint8_t* to = place.memory.data<uint8_t>();
    place.table = table.bytes;
    place.slot->copy(table.bytes.raw(), to, table.bytes.bytes());
    for (size_t i = 0; i < table.part_at.size(); ++i) {
      const Tensor& pixels = place.host.raw->parts[i].pixels;
      place.slot->copy(pixels.raw(), to + table.pixels_at + table.part_at[i], pixels.bytes());
    }
  }
  return table;
}

Batch Uploader::uploaded(const Batch& batch) {
  Batch out;
  if constexpr (kHasCuda) {
    check(!batch.raw || images_, "Uploader: want the loader to make its views, got a batch of raw ones without it");
    Place& place = places_[turn_ ^= 1];
    if (!place.slot) place.slot = std::make_shared<kernels::UploadSlot>(kernels::cuda(device_.index));
    if (place.host.index.defined()) place.slot->wait();  // the batch before the last: long done
    place.host = batch;
    const Batch device = start(place);
    RawTable table;
    if (batch.raw) table = start_raw(place);
    place.slot->join();

    out = device.map([&](std::string_view name, const Tensor& t) {
      const bool bytes = images_ && name.starts_with("views.") && t.dtype() == Dtype::u8;
      return bytes ? images_->options().normalize(t) : t.clone();
    });
    out.raw = nullptr;
    if (batch.raw)
      for (Tensor& group : make_raw_groups(table, place.memory, images_->options().normalize))
        out.set(fmt::format("views.{}", out.group_count()), std::move(group));
    place.slot->release();
  }
  return out;
}

}  // namespace fovea::data
