#include <fovea/models/eval/linear_probe.h>

#include <algorithm>
#include <cmath>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/core/random.h>
#include <fovea/kernels/context.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/train/optim.h>
#include <fovea/nn/train/schedule.h>

namespace fovea::models {

namespace {

// A step is a product of some hundred rows: too little to share between threads, and waking them would take longest.
class OneThread {
 public:
  OneThread() : threads_(kernels::threads()) { kernels::set_threads(1); }
  ~OneThread() { kernels::set_threads(threads_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int threads_;
};

double accuracy(nn::Linear& head, const Features& test) {
  NoGrad no_grad;
  return mean((argmax(head(test.values)) == test.labels).to(Dtype::f32)).item();
}

}  // namespace

ProbeResult linear_probe(const Features& train_set, const Features& test_set, int64_t classes,
                         const ProbeOptions& options) {
  const Device device = train_set.values.device();
  const Features train = train_set.to(device), test = test_set.to(device);
  check(train.values.rank() == 2 && test.values.rank() == 2 && train.values.size(0) > 0 && test.values.size(0) > 0 &&
            train.values.size(1) == test.values.size(1),
        "linear_probe: want features [N, D] to train and to test on, got {} and {}", train.values.shape(),
        test.values.shape());
  check(classes >= 1 && options.epochs >= 1 && options.batch_size >= 1,
        "linear_probe: want positive classes, epochs and batch size, got {}, {} and {}", classes, options.epochs,
        options.batch_size);
  OneThread one_thread;
  int64_t rows = train.values.size(0), batch = std::min(options.batch_size, rows);
  int64_t steps_per_epoch = (rows + batch - 1) / batch, steps = steps_per_epoch * options.epochs, step = 0;
  Generator generator(options.seed);
  nn::Linear head({.in = train.values.size(1), .out = classes}, generator);
  head.to(device);
  nn::Sgd optimizer({{head.named_parameters(), 0, true}}, {.momentum = options.momentum});
  double peak = nn::linear_lr(options.lr, batch);

  ProbeResult out;
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    const Tensor order = randperm(rows, generator).to(device);
    for (int64_t begin = 0; begin < rows; begin += batch, ++step) {
      Tensor index = order.slice(begin, std::min(begin + batch, rows));
      Tensor loss = cross_entropy(head(gather_rows(train.values, index)), gather_rows(train.labels, index));
      optimizer.zero_grad();
      loss.backward();
      optimizer.set_lr(peak * nn::cosine_ramp(step, steps, 1, 0.001));
      optimizer.step();
    }
    out.last = accuracy(head, test);
    if (out.last > out.best || epoch == 1) out.best = out.last, out.best_epoch = epoch;
  }
  return out;
}

}  // namespace fovea::models
