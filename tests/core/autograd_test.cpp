#include <fovea/core/autograd.h>
#include <fovea/core/ops/arith.h>
#include <fovea/core/ops/reduce.h>
#include <fovea/core/print_graph.h>

#include <memory>
#include <sstream>

#include "support/catch.h"

using namespace fovea;

// A differentiable doubling, written as a user's project would: y = 2 x.
static Tensor twice(const Tensor& x) {
  Tensor y = x.detach().clone();
  for (int64_t i = 0; i < y.numel(); ++i) y.data<float>()[i] *= 2;
  return record("twice", y, {x}, [](const Node&, const Tensor& dy) -> Grads {
    Tensor dx = dy.clone();
    for (int64_t i = 0; i < dx.numel(); ++i) dx.data<float>()[i] *= 2;
    return {dx};
  });
}

TEST_CASE("a chain multiplies its derivatives and leaves accumulate", "[core][autograd]") {
  Tensor x = Tensor::from<float>({1}, {3}).set_requires_grad();
  twice(twice(x)).backward();
  CHECK(x.grad().item() == 4);
  twice(x).backward();
  CHECK(x.grad().item() == 6);
  x.zero_grad();
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a gradient that two inputs share is not added to in place", "[core][autograd]") {
  for (bool shared_first : {true, false}) {
    Tensor a = Tensor::ones({3}).set_requires_grad(), b = Tensor::ones({3}).set_requires_grad();
    Tensor shared = sum(a + b), alone = sum(a * 3);
    (shared_first ? shared + alone : alone + shared).backward();
    CHECK(a.grad().to_vector<float>() == std::vector<float>{4, 4, 4});
    CHECK(b.grad().to_vector<float>() == std::vector<float>{1, 1, 1});
  }
}

TEST_CASE("a used graph says so", "[core][autograd]") {
  Tensor x = Tensor::ones({1}).set_requires_grad();
  Tensor y = twice(x);
  y.backward(true);
  y.backward();
  CHECK(x.grad().item() == 4);
  CHECK_THROWS_WITH(y.backward(), Catch::Contains("retain_graph"));
}

TEST_CASE("what backward cannot start from says so", "[core][autograd]") {
  CHECK_THROWS_WITH(Tensor::ones({1}).backward(), Catch::Contains("requires a gradient"));
  CHECK_THROWS_WITH(Tensor::ones({2}).set_requires_grad().backward(), Catch::Contains("one element"));
  CHECK_THROWS_WITH(twice(Tensor::ones({2}).set_requires_grad()).backward(Tensor::ones({3})), Catch::Contains("[2]"));
  CHECK_THROWS_WITH(Tensor::zeros({1}, Dtype::i64).set_requires_grad(), Catch::Contains("floating"));
}

TEST_CASE("nothing is recorded under NoGrad", "[core][autograd]") {
  Tensor x = Tensor::ones({2}).set_requires_grad();
  {
    NoGrad guard;
    CHECK_FALSE(twice(x).requires_grad());
  }
  CHECK(twice(x).requires_grad());
}

TEST_CASE("captures are dropped as the backward pass goes", "[core][autograd]") {
  auto token = std::make_shared<int>(1);
  std::weak_ptr<int> watch = token;
  Tensor x = Tensor::ones({1}).set_requires_grad();
  Tensor y = record("keep", x.clone(), {x}, [token](const Node&, const Tensor& dy) -> Grads { return {dy}; });
  token.reset();
  CHECK_FALSE(watch.expired());
  y.backward();
  CHECK(watch.expired());
}

TEST_CASE("a chain of 100,000 ops differentiates without recursion", "[core][autograd]") {
  Tensor x = Tensor::ones({1}).set_requires_grad(), y = x;
  for (int i = 0; i < 100000; ++i)
    y = record("same", y.detach(), {y}, [](const Node&, const Tensor& dy) -> Grads { return {dy}; });
  y.backward();
  CHECK(x.grad().item() == 1);
}

TEST_CASE("a deep graph that is never used is dropped without recursion", "[core][autograd]") {
  Tensor x = Tensor::ones({1}).set_requires_grad(), y = x;
  std::weak_ptr<int> watch;
  for (int i = 0; i < 300000; ++i) {
    auto token = std::make_shared<int>(i);
    if (i == 0) watch = token;
    y = record("keep", y.detach(), {y}, [y, token](const Node&, const Tensor& dy) -> Grads { return {dy}; });
  }
  CHECK_FALSE(watch.expired());
  y = {};
  CHECK(watch.expired());
}

TEST_CASE("a hook sees the complete gradient once", "[core][autograd]") {
  Tensor x = Tensor::ones({1}).set_requires_grad();
  Tensor h = twice(x);
  std::vector<double> seen;
  on_grad(h, [&](const Tensor& g) { seen.push_back(g.item()); });
  Tensor a = twice(h), b = twice(h);
  Tensor sum = record("sum", Tensor::ones({1}), {a, b}, [](const Node&, const Tensor& dy) -> Grads {
    return {dy, dy};
  });
  sum.backward();
  CHECK(seen == std::vector<double>{4});
  CHECK(x.grad().item() == 8);
}

TEST_CASE("a backward function may record and differentiate: what it asks for comes back, the rest adds up",
          "[core][autograd]") {
  Tensor x = Tensor::full({1}, 3).set_requires_grad(), w = Tensor::full({1}, 5).set_requires_grad();
  Tensor other = Tensor::full({1}, 7).set_requires_grad();
  int hooks = 0;
  on_grad(x, [&](const Tensor&) { ++hooks; });
  Tensor y = record("inner", x * w, {x, w}, [x, w, other](const Node&, const Tensor& dy) -> Grads {
    CHECK_FALSE(grad_enabled());
    Tensor again;
    {
      GradMode on(true);
      again = x * w + other;
    }
    Grads sums{Tensor(), Tensor::full({1}, 100)};
    const std::vector<Tensor> leaves{x, w};
    backward_into(again, dy, leaves, sums);
    CHECK_FALSE(x.grad().defined());
    return sums;
  });
  (y * 2).backward();
  CHECK(x.grad().item() == 10);
  CHECK(w.grad().item() == 106);
  CHECK(other.grad().item() == 2);
  CHECK(hooks == 1);
  Grads sums(1);
  const std::vector<Tensor> results{y};
  CHECK_THROWS_WITH(backward_into(y, y.detach(), results, sums), Catch::Contains("want leaves"));
}

TEST_CASE("an input that needs no gradient is known to the op", "[core][autograd]") {
  Tensor x = Tensor::ones({1}).set_requires_grad(), c = Tensor::ones({1});
  bool first = false, second = true;
  Tensor y = record("pair", Tensor::ones({1}), {x, c}, [&first, &second](const Node& node, const Tensor& dy) -> Grads {
    first = node.needs_grad(0);
    second = node.needs_grad(1);
    return {dy, {}};
  });
  y.backward();
  CHECK(first);
  CHECK_FALSE(second);
}

TEST_CASE("in-place changes of a tensor that requires a gradient want NoGrad", "[core][autograd]") {
  Tensor x = Tensor::ones({2}).set_requires_grad();
  CHECK_THROWS_WITH(x.fill_(2), Catch::Contains("NoGrad"));
  NoGrad guard;
  x.fill_(2);
  CHECK(x.to_vector<float>() == std::vector<float>{2, 2});
}

TEST_CASE("graphs print in backward order with names", "[core][autograd]") {
  Tensor x = Tensor::ones({2}).set_requires_grad();
  Tensor y = twice(x).reshape({1, 2});
  std::ostringstream out;
  print_graph(out, y, {{"x", x}});
  CHECK(out.str() == "#0 reshape f32 [1, 2] -> #1\n#1 twice f32 [2] -> #2\n#2 x f32 [2]\n");
  CHECK(to_dot(y).find("n0 -> n1") != std::string::npos);
}
