#include <fovea/kernels/optim.h>

#include <cmath>
#include <functional>
#include <limits>

#include <fovea/core/cuda_graph.h>
#include <fovea/core/ops.h>
#include <fovea/kernels/copy.h>
#include <fovea/kernels/ema.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/train/ema.h>
#include <fovea/nn/train/optim.h>

#include "support/catch.h"
#include "support/numbers.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

// One list of parameters twice: in f64 for the CPU and in f32 on the device, `behind` elements past an aligned address.
struct Lists {
  std::vector<std::vector<double>> exact;
  std::vector<Tensor> there;
  std::vector<OptimArray<double>> here_arrays;
  std::vector<OptimArray<float>> there_arrays;
  int64_t behind;

  Lists(const std::vector<int64_t>& sizes, bool teacher, int64_t shift) : behind(shift) {
    for (size_t i = 0; i < sizes.size(); ++i) {
      const int64_t n = sizes[i];
      for (uint64_t k = 0; k < 5; ++k) {
        std::vector<float> numbers = pseudo_normal(n + behind, 5 * i + k);
        if (k == 3)
          for (float& v : numbers) v = std::abs(v);  // a second moment
        exact.push_back({numbers.begin() + behind, numbers.end()});
        there.push_back(Tensor::from<float>({n + behind}, numbers).to(Device::cuda()));
      }
    }
    for (size_t i = 0; i < sizes.size(); ++i) {
      auto* e = &exact[5 * i];
      Tensor* t = &there[5 * i];
      auto at = [&](int k) { return t[k].data<float>() + behind; };
      here_arrays.push_back(
          {sizes[i], e[0].data(), e[1].data(), e[2].data(), e[3].data(), teacher ? e[4].data() : nullptr});
      there_arrays.push_back({sizes[i], at(0), at(1), at(2), at(3), teacher ? at(4) : nullptr});
    }
  }
  int64_t count() const { return int64_t(here_arrays.size()); }
  double error() const {
    double worst = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      std::vector<double> got = there[i].to(Device::cpu()).to_vector<double>();
      got.erase(got.begin(), got.begin() + behind);
      worst = std::max(worst, largest_difference(got, exact[i]));
    }
    return worst;
  }
};

const std::vector<int64_t> kSizes{1, 4096, 0, 4099, 10001, 7};

// A step's numbers in the device's memory, and others in the step itself.
template <class Step>
Step from_memory(Step step, Tensor& memory) {
  memory = Tensor::empty({int64_t(sizeof(Scheduled))}, Dtype::u8, Device::cuda());
  auto* device = reinterpret_cast<Scheduled*>(memory.data<uint8_t>());
  const Scheduled values = scheduled(step);
  put(cuda(0), &values, device, sizeof(values));
  step.lr = 77, step.teacher_momentum = 0.5, step.scheduled = device;
  return step;
}

template <class Step>
double step_error(const std::vector<int64_t>& sizes, const Step& step, bool teacher, int64_t behind, bool in_memory) {
  Lists lists(sizes, teacher, behind);
  Tensor memory;
  const Step there = in_memory ? from_memory(step, memory) : step;
  if constexpr (std::is_same_v<Step, SgdStep>) {
    sgd(cuda(0), lists.there_arrays.data(), lists.count(), there);
    sgd(cpu(), lists.here_arrays.data(), lists.count(), step);
  } else if constexpr (std::is_same_v<Step, AdamStep>) {
    adam(cuda(0), lists.there_arrays.data(), lists.count(), there);
    adam(cpu(), lists.here_arrays.data(), lists.count(), step);
  } else {
    lars(cuda(0), lists.there_arrays.data(), lists.count(), there);
    lars(cpu(), lists.here_arrays.data(), lists.count(), step);
  }
  return lists.error();
}

}  // namespace

TEST_CASE("optimisers on the device take the CPU's steps", "[cuda][optim]") {
  const bool teacher = GENERATE(false, true), in_memory = GENERATE(false, true);
  const int64_t behind = GENERATE(0, 1);
  CAPTURE(teacher, in_memory, behind);
  auto check = [&](auto step) {
    step.teacher_momentum = 0.9;
    CHECK(step_error(kSizes, step, teacher, behind, in_memory) < 2e-6);
  };
  check(SgdStep{.lr = 0.1, .weight_decay = 0.01});
  check(SgdStep{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01});
  check(SgdStep{.lr = 0.1, .momentum = 0.9, .nesterov = true});
  check(AdamStep{.lr = 0.1, .weight_decay = 0.01, .t = 3});
  check(AdamStep{.lr = 0.1, .weight_decay = 0.01, .decoupled = true, .t = 3});
  check(LarsStep{.lr = 0.1, .weight_decay = 0.1});
  check(LarsStep{.lr = 0.1, .weight_decay = 0.1, .form = LarsForm::lightly});
  check(LarsStep{.lr = 0.1, .form = LarsForm::lightly});
  check(LarsStep{.lr = 0.1, .adapt = false});
}

TEST_CASE("lists of any length step on the device", "[cuda][optim]") {
  const int64_t count = GENERATE(64, 65, 1300);
  CAPTURE(count);
  std::vector<int64_t> sizes;
  for (int64_t i = 0; i < count; ++i) sizes.push_back(i % 5);
  CHECK(step_error(sizes, SgdStep{.lr = 0.1, .momentum = 0.9}, false, 0, false) < 1e-6);
  CHECK(step_error(sizes, LarsStep{.lr = 0.1, .weight_decay = 0.1}, true, 0, false) < 2e-6);
}

TEST_CASE("an array without weights or gradients keeps LARS's step", "[cuda][optim]") {
  for (LarsForm form : {LarsForm::paper, LarsForm::lightly}) {
    Lists lists({5, 3}, false, 0);
    for (int k : {0, 6}) {  // the first's weights, the second's gradient
      lists.there[size_t(k)].fill_(0);
      std::fill(lists.exact[size_t(k)].begin(), lists.exact[size_t(k)].end(), 0);
    }
    const LarsStep step{.lr = 0.1, .weight_decay = 0.1, .form = form};
    lars(cuda(0), lists.there_arrays.data(), 2, step);
    lars(cpu(), lists.here_arrays.data(), 2, step);
    CHECK(lists.error() < 1e-6);
  }
}

TEST_CASE("a teacher on the device follows its student", "[cuda][ema]") {
  const int64_t behind = GENERATE(0, 3);
  Lists lists(kSizes, false, behind);
  std::vector<EmaArray<float>> there;
  std::vector<EmaArray<double>> here;
  for (int64_t i = 0; i < lists.count(); ++i) {
    there.push_back({lists.there_arrays[size_t(i)].size, lists.there_arrays[size_t(i)].weight,
                     lists.there_arrays[size_t(i)].gradient});
    here.push_back({lists.here_arrays[size_t(i)].size, lists.here_arrays[size_t(i)].weight,
                    lists.here_arrays[size_t(i)].gradient});
  }
  ema(cuda(0), there.data(), lists.count(), 0.99);
  ema(cpu(), here.data(), lists.count(), 0.99);
  CHECK(lists.error() < 1e-6);
  Tensor momentum = Tensor::full({}, 0.75, Dtype::f32, Device::cuda());
  ema(cuda(0), there.data(), lists.count(), momentum.data<float>());
  ema(cpu(), here.data(), lists.count(), 0.75);
  CHECK(lists.error() < 1e-6);
}

TEST_CASE("the device's gradient norm and clipping are the CPU's", "[cuda][optim]") {
  Lists lists(kSizes, false, GENERATE(0, 2));
  Cuda& ctx = cuda(0);
  std::vector<ScaleArray<float>> there;
  std::vector<ScaleArray<double>> here;
  for (int64_t i = 0; i < lists.count(); ++i) {
    const OptimArray<float>& t = lists.there_arrays[size_t(i)];
    const OptimArray<double>& h = lists.here_arrays[size_t(i)];
    there.push_back({t.size, const_cast<float*>(t.gradient)});
    here.push_back({h.size, const_cast<double*>(h.gradient)});
  }
  Tensor norm = Tensor::empty({}, Dtype::f32, Device::cuda()), memory = Tensor::empty({8}, Dtype::u8, Device::cuda());
  auto* squares = reinterpret_cast<double*>(memory.data<uint8_t>());
  double want = 0;
  float want_norm = 0;
  auto both = [&](double max_norm) {
    squared_norm(ctx, lists.there_arrays.data(), lists.count(), squares);
    squared_norm(cpu(), lists.here_arrays.data(), lists.count(), &want);
    double got = 0;
    download(ctx, squares, &got, sizeof(got));
    CHECK(got == Approx(want).epsilon(1e-6));
    clip_arrays(ctx, there.data(), lists.count(), squares, max_norm, norm.data<float>());
    clip_arrays(cpu(), here.data(), lists.count(), &want, max_norm, &want_norm);
    CHECK(norm.item() == Approx(want_norm));
  };
  both(1e6);
  CHECK(lists.error() == 0);
  both(3);
  CHECK(lists.error() < 1e-6);
  both(10);
  CHECK(norm.item() == Approx(3).epsilon(1e-5));
  scale_arrays(ctx, there.data(), lists.count(), 0.25);
  scale_arrays(cpu(), here.data(), lists.count(), 0.25);
  CHECK(lists.error() < 1e-6);
  const double infinity = std::numeric_limits<double>::infinity();
  upload(ctx, &infinity, squares, sizeof(infinity));
  clip_arrays(ctx, there.data(), lists.count(), squares, 1.0, norm.data<float>());
  CHECK(std::isinf(norm.item()));
  CHECK(lists.error() < 1e-6);
}

namespace {

// A module and its teacher, moved by AdamW: the weight has a gradient in every step, the bias in none.
struct Pair {
  nn::Linear module, teacher;
  nn::AdamW optimizer;

  explicit Pair(const nn::Linear& from, Device device)
      : module(moved(from, device)),
        teacher(module),
        optimizer(nn::decay_groups(module, {.weight_decay = 0.1}), {.lr = 0.1}) {
    module.parameters()[0].set_grad(Tensor::arange(35).to(Dtype::f32).reshape({5, 7}).to(device));
    optimizer.set_teacher(teacher);
  }
  static nn::Linear moved(const nn::Linear& from, Device device) {
    nn::Linear out = from;
    out.to(device);
    return out;
  }
  void schedule(int t) {
    optimizer.set_lr(0.1 * t);
    optimizer.set_teacher_momentum(1 - 0.1 * t);
  }
  double error(Pair& other) {
    double worst = 0;
    for (auto [a, b] : {std::pair{&module, &other.module}, {&teacher, &other.teacher}})
      for (size_t i = 0; i < 2; ++i)
        worst = std::max(worst, largest_difference(a->parameters()[i].to(Device::cpu()).to_vector<double>(),
                                                   b->parameters()[i].to(Device::cpu()).to_vector<double>()));
    return worst;
  }
};

}  // namespace

TEST_CASE("an optimiser and its teacher may live on the device", "[cuda][optim]") {
  const nn::Linear start({.in = 7, .out = 5});
  Pair here(start, Device::cpu()), there(start, Device::cuda());
  for (int t = 1; t <= 3; ++t) {
    Tensor norm = nn::clip_grad_norm(here.module.parameters(), 10.0 / t);
    CHECK(nn::clip_grad_norm(there.module.parameters(), 10.0 / t).item() == Approx(norm.item()));
    for (Pair* pair : {&here, &there}) {
      pair->schedule(t);
      pair->optimizer.step();
      nn::ema_update(pair->teacher, pair->module, 0.9);
      nn::ema_update(pair->teacher, pair->module, Tensor::full({}, 0.75).to(pair->module.parameters()[0].device()));
    }
    CHECK(there.error(here) < 1e-6);
  }
}

TEST_CASE("replays of a captured step follow the learning rate, the count and the teacher's momentum",
          "[cuda][optim]") {
  const nn::Linear start({.in = 7, .out = 5});
  Pair eager(start, Device::cuda()), replayed(start, Device::cuda());
  for (Pair* pair : {&eager, &replayed}) pair->schedule(1), pair->optimizer.step();
  auto replay = capture_graph(Device::cuda(), [&] {
    nn::clip_grad_norm(replayed.module.parameters(), 3.0);
    replayed.optimizer.step();
  });
  CHECK(replayed.error(eager) == 0);
  for (int t = 2; t <= 4; ++t) {
    for (Pair* pair : {&eager, &replayed}) pair->schedule(t);
    nn::clip_grad_norm(eager.module.parameters(), 3.0);
    eager.optimizer.step();
    replay();
    CHECK(replayed.error(eager) == 0);
  }
  CHECK(replayed.optimizer.steps() == 4);
  Pair fresh(start, Device::cuda());
  CHECK_THROWS_WITH(capture_graph(Device::cuda(), [&] { fresh.optimizer.step(); }),
                    Catch::Contains("want a step before"));
}
