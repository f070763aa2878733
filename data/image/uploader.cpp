#include <fovea/data/image/uploader.h>

#include <fovea/config.h>
#include <fovea/kernels/upload_slot.h>

namespace fovea::data {

LoaderOptions for_device(LoaderOptions options, Device device) {
  if (device.is_cuda()) options.dtype = Dtype::u8, options.pinned = options.raw = true;
  return options;
}

std::optional<Batch> Uploader::next() {
  std::optional<Batch> batch = loader_.next();
  if (batch && device_.is_cuda()) return uploaded(*batch);
  return batch;
}

// The table and the pixels behind it, to a memory that is as large as it was ever asked to be.
RawTable Uploader::start_raw(Place& place, const RawViews& raw) {
  RawTable table = raw_table(raw, loader_.views(), loader_.options().pinned);
  if constexpr (kHasCuda) {
    const int64_t bytes = table.pixels_at + table.pixel_bytes;
    if (!place.memory.defined() || place.memory.numel() < bytes) {
      place.memory = Tensor::empty({bytes + bytes / 4}, Dtype::u8, device_);
      place.slot->release();
    }
    uint8_t* to = place.memory.data<uint8_t>();
    place.host.push_back(table.bytes);
    place.slot->copy(table.bytes.raw(), to, table.bytes.bytes());
    for (size_t i = 0; i < raw.parts.size(); ++i) {
      const Tensor& pixels = raw.parts[i].pixels;
      place.host.push_back(pixels);
      place.slot->copy(pixels.raw(), to + table.pixels_at + table.part_at[i], pixels.bytes());
    }
  }
  return table;
}

Batch Uploader::uploaded(const Batch& batch) {
  Batch out;
  out.epoch = batch.epoch, out.step = batch.step;
  if constexpr (kHasCuda) {
    Place& place = places_[turn_ ^= 1];
    if (!place.slot) place.slot = std::make_shared<kernels::UploadSlot>(kernels::cuda(device_.index));
    if (!place.host.empty()) place.slot->wait();  // the batch before the last: long done
    place.host = {batch.labels, batch.index};
    if (batch.places.defined()) place.host.push_back(batch.places);
    const size_t first_group = place.host.size();
    place.host.insert(place.host.end(), batch.groups.begin(), batch.groups.end());
    place.device.resize(place.host.size());
    for (size_t i = 0; i < place.host.size(); ++i) {
      const Tensor& host = place.host[i];
      Tensor& there = place.device[i];
      if (there.defined() && there.shape() == host.shape()) continue;
      there = Tensor::empty(host.shape(), host.dtype(), device_);
      place.slot->release();
    }
    for (size_t i = 0; i < place.host.size(); ++i)
      place.slot->copy(place.host[i].raw(), place.device[i].raw(), place.host[i].bytes());
    RawTable table;
    if (batch.raw) table = start_raw(place, *batch.raw);
    place.slot->join();

    if (batch.raw) out.groups = make_raw_groups(table, place.memory, loader_.options().normalize);
    for (size_t g = 0; g < batch.groups.size(); ++g) {
      const Tensor& images = place.device[first_group + g];
      out.groups.push_back(images.dtype() == Dtype::u8 ? loader_.options().normalize(images) : images.clone());
    }
    for (const Tensor& group : out.groups)
      for (int64_t begin = 0; begin < group.size(0); begin += batch.size())
        out.views.push_back(group.slice(begin, begin + batch.size()));
    out.labels = place.device[0].clone();
    out.index = place.device[1].clone();
    if (batch.places.defined()) out.places = place.device[2].clone();
    place.slot->release();
  }
  return out;
}

}  // namespace fovea::data
