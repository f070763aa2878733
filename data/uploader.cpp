#include <fovea/data/uploader.h>

#include <fovea/config.h>
#include <fovea/kernels/upload_slot.h>

namespace fovea::data {

LoaderOptions for_device(LoaderOptions options, Device device) {
  if (device.is_cuda()) options.dtype = Dtype::u8, options.pinned = true;
  return options;
}

std::optional<Batch> Uploader::next() {
  std::optional<Batch> batch = loader_.next();
  if (batch && device_.is_cuda()) return uploaded(*batch);
  return batch;
}

Batch Uploader::uploaded(const Batch& batch) {
  Batch out;
  out.epoch = batch.epoch, out.step = batch.step;
  if constexpr (kHasCuda) {
    Place& place = places_[turn_ ^= 1];
    if (!place.slot) place.slot = std::make_shared<kernels::UploadSlot>(kernels::cuda(device_.index));
    if (!place.host.empty()) place.slot->wait();  // the batch before the last: long done
    place.host = batch.groups;
    place.host.insert(place.host.end(), {batch.labels, batch.index});
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
    place.slot->join();

    const size_t groups = batch.groups.size();
    for (size_t g = 0; g < groups; ++g) {
      const Tensor& images = place.device[g];
      out.groups.push_back(images.dtype() == Dtype::u8 ? loader_.options().normalize(images) : images.clone());
      for (int64_t begin = 0; begin < images.size(0); begin += batch.size())
        out.views.push_back(out.groups.back().slice(begin, begin + batch.size()));
    }
    out.labels = place.device[groups].clone();
    out.index = place.device[groups + 1].clone();
    place.slot->release();
  }
  return out;
}

}  // namespace fovea::data
