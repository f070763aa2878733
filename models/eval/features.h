#pragma once

#include <functional>

#include <fovea/core/tensor.h>
#include <fovea/data/dataset.h>
#include <fovea/data/image/views.h>
#include <fovea/nn/module.h>

namespace fovea::models {

// What evaluation works on: a row for each image of a dataset, and the image's class.
struct Features {
  Tensor values;  // f32 [N, D]
  Tensor labels;  // i64 [N]

  Features to(Device device) const { return {values.to(device), labels.to(device)}; }
};

// Maps images [N, size, size, 3] to features [N, D] (any further dimensions are flattened).
using Network = std::function<Tensor(const Tensor& images)>;

// While one is alive `module` is in evaluation mode: batch norm uses its running statistics, dropout does nothing.
class EvalMode {
 public:
  explicit EvalMode(nn::Module& module) : module_(module), training_(module.training()) { module.eval(); }
  ~EvalMode() { module_.train(training_); }
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  nn::Module& module_;
  bool training_;
};

struct ExtractOptions {
  int64_t batch_size = 256;
  int workers = 2;
  Device device = Device::cpu();  // where the network lies; the features come back to the CPU
  data::Normalize normalize{};
};

// The features of every image in order, under NoGrad, from the first view that `views` makes. The network must be in
// evaluation mode (EvalMode), or a feature depends on what else is in its batch.
Features extract(const Network& network, data::DatasetPtr dataset, const data::Views& views,
                 const ExtractOptions& options = {});

// The pixels themselves, from 0 to 1: what any features have to beat.
Features pixels(data::DatasetPtr dataset, const data::Views& views, const ExtractOptions& options = {});

}  // namespace fovea::models
