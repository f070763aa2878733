#include <fovea/kernels/optim.h>

#include <cmath>
#include <functional>
#include <vector>

#include <fovea/kernels/optim/optim_isa.h>

#include "support/catch.h"
#include "support/numbers.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

// Three steps from (3, 4, -1) with the gradients (0.8, -0.6, 0.1 t).
static std::vector<double> three_steps(const std::function<void(const OptimArray<double>&, int)>& step) {
  std::vector<double> w{3, 4, -1}, first(3), second(3);
  for (int t = 1; t <= 3; ++t) {
    std::vector<double> g{0.8, -0.6, 0.1 * t};
    step({3, w.data(), g.data(), first.data(), second.data()}, t);
  }
  return w;
}

TEST_CASE("sgd takes PyTorch's steps", "[kernels][optim]") {
  auto run = [](SgdStep step) {
    return three_steps([step](const OptimArray<double>& a, int) { sgd(cpu(), &a, 1, step); });
  };
  // torch.optim.SGD(lr=0.1, weight_decay=0.01, ...)
  CHECK(largest_difference(run({.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01}),
                           {2.5347683169999997, 4.313891256, -1.089436809}) < 1e-14);
  CHECK(largest_difference(run({.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true}),
                           {2.333086794703, 4.449965536103999, -1.137379789731}) < 1e-14);
  CHECK(largest_difference(run({.lr = 0.1, .weight_decay = 0.01}), {2.751248917, 4.167832056, -1.056963009}) < 1e-14);
}

TEST_CASE("adam and adamw take PyTorch's steps", "[kernels][optim]") {
  auto run = [](bool decoupled) {
    return three_steps([decoupled](const OptimArray<double>& a, int t) {
      adam(cpu(), &a, 1, {.lr = 0.1, .weight_decay = 0.01, .decoupled = decoupled, .t = t});
    });
  };
  // torch.optim.Adam and AdamW(lr=0.1, weight_decay=0.01)
  CHECK(largest_difference(run(false), {2.7000115892909076, 4.299982766748066, -1.2912785107197946}) < 1e-14);
  CHECK(largest_difference(run(true), {2.6913089007462516, 4.287712091004998, -1.2890248852786688}) < 1e-14);
}

// w - (w after one step with learning rate 1) for w = (3, 4), g = (0.8, -0.6).
static std::vector<double> lars_step(LarsStep step, std::vector<double> w = {3, 4},
                                     std::vector<double> g = {0.8, -0.6}) {
  std::vector<double> before = w, first(w.size());
  OptimArray<double> array{int64_t(w.size()), w.data(), g.data(), first.data()};
  step.lr = 1;
  lars(cpu(), &array, 1, step);
  for (size_t i = 0; i < w.size(); ++i) w[i] = before[i] - w[i];
  return w;
}

TEST_CASE("lars scales each array by the trust ratio of the chosen form", "[kernels][optim]") {
  const double paper = 0.001 * 5 / std::hypot(1.1, -0.2), lightly = 0.001 * 5 / (1 + 0.1 * 5 + 1e-8);
  CHECK(paper == Approx(0.00447214));
  CHECK(lightly == Approx(0.00333333));
  CHECK(largest_difference(lars_step({.weight_decay = 0.1}), {paper * 1.1, paper * -0.2}) < 1e-15);
  CHECK(largest_difference(lars_step({.weight_decay = 0.1, .form = LarsForm::lightly}),
                           {lightly * 1.1, lightly * -0.2}) < 1e-15);
  CHECK(largest_difference(lars_step({.adapt = false}), {0.8, -0.6}) < 1e-15);
  CHECK(largest_difference(lars_step({.form = LarsForm::lightly}), {0.8, -0.6}) < 1e-15);  // no decay, no ratio
  CHECK(largest_difference(lars_step({.weight_decay = 0.1}, {0, 0}), {0.8, -0.6}) < 1e-15);
  CHECK(largest_difference(lars_step({.weight_decay = 0.1, .form = LarsForm::lightly}, {3, 4}, {0, 0}), {0, 0}) == 0);
}

TEST_CASE("lars keeps its momentum and gives every array its own ratio", "[kernels][optim]") {
  std::vector<double> w{3, 4}, v{0.5}, g{0.8, -0.6}, h{2}, wm{1, 1}, vm{1};
  OptimArray<double> arrays[] = {{2, w.data(), g.data(), wm.data()}, {1, v.data(), h.data(), vm.data()}};
  lars(cpu(), arrays, 2, {.lr = 0.5, .momentum = 0.9, .eta = 0.01});
  CHECK(largest_difference(wm, {0.9 + 0.05 * 0.8, 0.9 - 0.05 * 0.6}) < 1e-15);  // q = 0.01 * 5 / 1
  CHECK(largest_difference(vm, {0.9 + 0.0025 * 2}) < 1e-15);                    // q = 0.01 * 0.5 / 2
  CHECK(largest_difference(w, {3 - 0.5 * 0.94, 4 - 0.5 * 0.87}) < 1e-15);
}

TEST_CASE("a list of arrays of any size steps as its parts do, with any number of threads", "[kernels][optim]") {
  const std::vector<int64_t> sizes{1, 16384, 0, 16385, 100003, 7};
  std::vector<std::vector<float>> w, g, m, v, w1, m1, v1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    w.push_back(pseudo_normal(sizes[i], i));
    g.push_back(pseudo_normal(sizes[i], 100 + i));
    m.push_back(pseudo_normal(sizes[i], 200 + i));
    v.push_back(std::vector<float>(size_t(sizes[i]), 0.5f));
  }
  w1 = w, m1 = m, v1 = v;
  auto list = [&](auto& weights, auto& first, auto& second) {
    std::vector<OptimArray<float>> arrays;
    for (size_t i = 0; i < sizes.size(); ++i)
      arrays.push_back({sizes[i], weights[i].data(), g[i].data(), first[i].data(), second[i].data()});
    return arrays;
  };
  const auto together = list(w, m, v), apart = list(w1, m1, v1);
  const int before = threads();
  const double want = [&] {
    double sum = 0;
    for (const auto& part : g)
      for (float x : part) sum += double(x) * double(x);
    return sum;
  }();
  std::vector<double> norms(3);
  for (int count : {1, 2, 3}) {
    set_threads(count);
    sgd(cpu(), together.data(), int64_t(together.size()), {.lr = 0.1, .momentum = 0.9});
    adam(cpu(), together.data(), int64_t(together.size()), {.lr = 0.1, .t = 5});
    lars(cpu(), together.data(), int64_t(together.size()), {.lr = 0.1, .weight_decay = 0.1});
    squared_norm(cpu(), together.data(), int64_t(together.size()), &norms[size_t(count - 1)]);
    set_threads(1);
    for (const auto& array : apart) {
      sgd(cpu(), &array, 1, {.lr = 0.1, .momentum = 0.9});
      adam(cpu(), &array, 1, {.lr = 0.1, .t = 5});
      lars(cpu(), &array, 1, {.lr = 0.1, .weight_decay = 0.1});
    }
    CHECK(w == w1);
    CHECK(m == m1);
    CHECK(v == v1);
  }
  set_threads(before);
  CHECK(norms[0] == Approx(want).epsilon(1e-12));
  CHECK(norms == std::vector<double>(3, norms[0]));
}

TEST_CASE("scale_arrays multiplies every element once", "[kernels][optim]") {
  std::vector<float> a{1, 2, 3}, b(40000, 2);
  ScaleArray<float> arrays[] = {{3, a.data()}, {40000, b.data()}};
  scale_arrays(cpu(), arrays, 2, 0.25);
  CHECK(a == std::vector<float>{0.25f, 0.5f, 0.75f});
  CHECK(b == std::vector<float>(40000, 0.5f));
}

#if defined(__x86_64__)
template <Isa I>
static std::vector<float> all_loops() {
  const int64_t n = 77;
  std::vector<float> w = pseudo_normal(n, 1), g = pseudo_normal(n, 2), m = pseudo_normal(n, 3), v(77, 0.3f);
  sgd_chunk<I, float>(n, w.data(), g.data(), m.data(), {0.1f, 0.9f, 0.01f, 0.5f, true});
  sgd_chunk<I, float>(n, w.data(), g.data(), nullptr, {0.1f, 0.0f, 0.01f, 0.5f, false});
  adam_chunk<I, float>(n, w.data(), g.data(), m.data(), v.data(),
                       {0.9f, 0.99f, 0.1f, 0.01f, 0.1f, 1.5f, 1e-8f, 0.999f, 0.01f});
  scale_chunk<I, float>(n, m.data(), 1.5f);
  ema_chunk<I, float>(n, w.data(), g.data(), 0.9f, 0.1f);
  const Squares squares = squares_chunk<I, float>(n, w.data(), g.data(), 0.5f);
  std::vector<float> all{float(squares.plain), float(squares.decayed)};
  for (const auto& part : {w, m, v}) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST_CASE("the optimisers' loops agree between instruction sets", "[kernels][optim]") {
  const std::vector<float> plain = all_loops<Isa::plain>();
  if (isa() >= Isa::avx2) CHECK(largest_difference(plain, all_loops<Isa::avx2>()) < 1e-6);
  if (isa() >= Isa::avx512) CHECK(largest_difference(plain, all_loops<Isa::avx512>()) < 1e-6);
}
#endif
