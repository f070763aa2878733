#include <fovea/models/eval/features.h>

#include <algorithm>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/data/image/uploader.h>

namespace fovea::models {

Features extract(const Network& network, data::DatasetPtr dataset, const data::Views& views,
                 const ExtractOptions& options) {
  NoGrad no_grad;
  data::LoaderOptions order = data::eval_options(options.batch_size, options.workers);
  order.normalize = options.normalize;
  data::Loader loader(dataset, views, data::for_device(order, options.device));
  data::Uploader batches(loader, options.device);
  Features out;
  int64_t at = 0, total = dataset->size();
  while (auto batch = batches.next()) {
    int64_t n = batch->size();
    Tensor y = network(batch->view(0)).to(Dtype::f32);
    check(y.rank() >= 1 && y.size(0) == n, "extract: want one row for each of {} images, got {}", n, y.shape());
    y = flatten(y.rank() > 1 ? y : unsqueeze(y, 1), 1);
    if (!out.values.defined()) {
      out.values = Tensor::empty({total, y.size(1)}, Dtype::f32, options.device);
      out.labels = Tensor::empty({total}, Dtype::i64);
    }
    out.values.slice(at, at + n).copy_(y);
    for (int64_t i = at; i < at + n; ++i) out.labels.data<int64_t>()[i] = dataset->label(i);
    at += n;
  }
  out.values = out.values.to(Device::cpu());
  check(at == total, "extract: want {} images, the loader gave {}", total, at);
  return out;
}

Features pixels(data::DatasetPtr dataset, const data::Views& views, const ExtractOptions& options) {
  ExtractOptions raw = options;
  raw.device = Device::cpu();
  raw.normalize = {.mean = {0, 0, 0}, .std = {1, 1, 1}};
  return extract([](const Tensor& images) { return images; }, std::move(dataset), views, raw);
}

}  // namespace fovea::models
