#include <fovea/core/ops.h>

#include "support/catch.h"

using namespace fovea;

static std::vector<float> floats(const Tensor& t) {
  return t.to_vector<float>();
}
static std::vector<int64_t> ints(const Tensor& t) {
  return t.to_vector<int64_t>();
}
static const Dtype kDtypes[] = {Dtype::f32, Dtype::f64, Dtype::bf16, Dtype::i64, Dtype::u8};

TEST_CASE("permute moves every element where it belongs", "[core][shape]") {
  // Sizes on both sides of the transposing tiles, and shapes that leave one, two or three runs.
  const std::vector<std::pair<Shape, std::vector<int>>> cases = {{{3, 5}, {1, 0}},
                                                                 {{70, 65}, {1, 0}},
                                                                 {{3, 33, 17}, {0, 2, 1}},
                                                                 {{3, 33, 17}, {1, 0, 2}},
                                                                 {{3, 33, 17}, {2, 1, 0}},
                                                                 {{9, 4, 10, 12}, {3, 0, 2, 1}},
                                                                 {{2, 3, 1, 5, 2, 3}, {5, 2, 0, 4, 1, 3}},
                                                                 {{2, 100, 130}, {2, 0, 1}},
                                                                 {{0, 3}, {1, 0}}};
  for (Dtype dtype : kDtypes) {
    for (const auto& [shape, dims] : cases) {
      INFO(name_of(dtype) << " " << shape.str());
      Tensor x = Tensor::arange(shape.numel()).reshape(shape);
      if (dtype != Dtype::i64) x = (randint(0, 200, shape)).to(dtype);
      Tensor y = permute(x, dims);
      std::vector<int64_t> from = ints(x), to = ints(y), wanted(to.size());
      for (size_t i = 0; i < to.size(); ++i) {
        int64_t at[6], rest = int64_t(i), source = 0;
        for (int d = y.rank() - 1; d >= 0; --d) at[dims[size_t(d)]] = rest % y.shape()[d], rest /= y.shape()[d];
        for (int d = 0; d < x.rank(); ++d) source = source * shape[d] + at[d];
        wanted[i] = from[size_t(source)];
      }
      CHECK(to == wanted);
      CHECK(y.dtype() == dtype);
    }
  }
}

TEST_CASE("views share memory where nothing moves", "[core][shape]") {
  Tensor x = randn({2, 1, 3});
  CHECK(permute(x, {1, 0, 2}).shares_memory(x));
  CHECK(permute(x, {1, 0, 2}).shape() == Shape{1, 2, 3});
  CHECK(unsqueeze(x, -1).shares_memory(x));
  CHECK(squeeze(x, 1).shape() == Shape{2, 3});
  CHECK(flatten(x, 1).shape() == Shape{2, 3});
  CHECK(flatten(Tensor::ones({})).shape() == Shape{1});
  CHECK(expand(x, {1, 2, 1, 3}).shares_memory(x));
  CHECK(slice(x, 0, 0, 1).shares_memory(x));
  CHECK_FALSE(slice(x, 2, 0, 1).shares_memory(x));
}

TEST_CASE("concat joins along any dimension and every dtype", "[core][shape]") {
  for (Dtype dtype : kDtypes) {
    Tensor a = Tensor::arange(4).reshape({2, 2}).to(dtype), b = Tensor::from<float>({2, 1}, {8, 9}).to(dtype);
    CHECK(ints(concat({a, b}, 1)) == std::vector<int64_t>{0, 1, 8, 2, 3, 9});
    CHECK(ints(concat({a, a}, 0)) == std::vector<int64_t>{0, 1, 2, 3, 0, 1, 2, 3});
    CHECK(stack({a, a}, 1).shape() == Shape{2, 2, 2});
    CHECK(ints(stack({a, a}, -1)) == std::vector<int64_t>{0, 0, 1, 1, 2, 2, 3, 3});
  }
}

TEST_CASE("concat of neighbouring rows of one tensor is a view", "[core][shape]") {
  Tensor t = randn({7, 3});
  Tensor whole = concat({t.slice(0, 2), t.slice(2, 6), t.slice(6, 7)});
  CHECK(whole.shares_memory(t));
  CHECK(whole.shape() == t.shape());
  CHECK(concat({t.slice(1, 2), t.slice(2, 4)}).shape() == Shape{3, 3});
  CHECK_FALSE(concat({t.slice(2, 6), t.slice(0, 2)}).shares_memory(t.slice(2, 6)));
  CHECK_FALSE(concat({t.slice(0, 2), t.slice(3, 6)}).shares_memory(t));
  Tensor other = randn({2, 3});
  CHECK(floats(concat({t.slice(5, 7), other})) == floats(concat({t.slice(5, 7).clone(), other})));
  t.set_requires_grad();
  Tensor tracked = concat({t.slice(0, 2), t.slice(2, 7)});
  CHECK_FALSE(tracked.shares_memory(t));
  sum(tracked).backward();
  CHECK(floats(t.grad()) == std::vector<float>(21, 1));
}

TEST_CASE("slices count from the end and step as in Python", "[core][shape]") {
  Tensor x = Tensor::arange(10);
  CHECK(ints(slice(x, 0, 1, 8, 3)) == std::vector<int64_t>{1, 4, 7});
  CHECK(ints(slice(x, 0, -3, 100)) == std::vector<int64_t>{7, 8, 9});
  CHECK(ints(slice(x, 0, -100, -8)) == std::vector<int64_t>{0, 1});
  CHECK(slice(x, 0, 5, 3).shape() == Shape{0});
  CHECK(ints(slice(x.reshape({2, 5}), -1, 0, 5, 4)) == std::vector<int64_t>{0, 4, 5, 9});
  CHECK(chunk(x, 4).size() == 4);
  CHECK(ints(chunk(x, 4)[3]) == std::vector<int64_t>{9});
  CHECK(chunk(x, 6).size() == 5);  // as in PyTorch: rows of ceil(10 / 6)
  CHECK(chunk(Tensor::zeros({0, 2}), 3).size() == 1);
}

TEST_CASE("flip, repeat, expand and pad put elements where PyTorch does", "[core][shape]") {
  Tensor x = Tensor::arange(4).reshape({2, 2});
  CHECK(ints(flip(x, {0})) == std::vector<int64_t>{2, 3, 0, 1});
  CHECK(ints(flip(x, {0, 1})) == std::vector<int64_t>{3, 2, 1, 0});
  CHECK(ints(repeat(x, {1, 2})) == std::vector<int64_t>{0, 1, 0, 1, 2, 3, 2, 3});
  CHECK(repeat(x, {2, 1, 3}).shape() == Shape{2, 2, 6});
  CHECK(repeat(x, {0, 1}).shape() == Shape{0, 2});
  CHECK(ints(expand(Tensor::arange(2).reshape({2, 1}), {2, 2, 2})) == std::vector<int64_t>{0, 0, 1, 1, 0, 0, 1, 1});
  CHECK(ints(pad(x, {{0, 1}, {1, 0}}, PadMode::constant, 7)) == std::vector<int64_t>{7, 0, 1, 7, 2, 3, 7, 7, 7});
  CHECK(ints(pad(Tensor::arange(3), {{2, 1}}, PadMode::reflect)) == std::vector<int64_t>{2, 1, 0, 1, 2, 1});
  CHECK(ints(pad(Tensor::arange(3), {{2, 1}}, PadMode::replicate)) == std::vector<int64_t>{0, 0, 0, 1, 2, 2});
}

TEST_CASE("gathers and their transposes agree for repeated indices", "[core][shape]") {
  Tensor x = Tensor::arange(12).to(Dtype::f32).reshape({4, 3}), index = Tensor::from<int64_t>({3}, {2, 0, 2});
  CHECK(floats(gather_rows(x, index)) == std::vector<float>{6, 7, 8, 0, 1, 2, 6, 7, 8});
  CHECK(floats(scatter_rows(x.slice(0, 3), index, 4)) == std::vector<float>{3, 4, 5, 0, 0, 0, 6, 8, 10, 0, 0, 0});
  CHECK(floats(pick(x, Tensor::from<int64_t>({4}, {0, 1, 2, 0}))) == std::vector<float>{0, 4, 8, 9});
  Tensor tokens = x.reshape({2, 2, 3});
  CHECK(floats(gather_tokens(tokens, Tensor::from<int64_t>({2, 1}, {1, 0}))) == std::vector<float>{3, 4, 5, 6, 7, 8});
  CHECK(embedding(x, Tensor::zeros({2, 5}, Dtype::i64)).shape() == Shape{2, 5, 3});
  CHECK(floats(one_hot(Tensor::from<int64_t>({2}, {2, 0}), 3)) == std::vector<float>{0, 0, 1, 1, 0, 0});
  CHECK(ints(gather_rows(x.to(Dtype::u8), index)) == std::vector<int64_t>{6, 7, 8, 0, 1, 2, 6, 7, 8});
}

TEST_CASE("scattering many bf16 rows into one adds in f32", "[core][shape]") {
  Tensor rows = Tensor::ones({1000, 2}, Dtype::bf16), index = Tensor::zeros({1000}, Dtype::i64);
  CHECK(floats(scatter_rows(rows, index, 1)) == std::vector<float>{1000, 1000});
}

TEST_CASE("the shape ops say what they cannot do", "[core][shape]") {
  Tensor x = Tensor::ones({2, 3});
  Tensor far = Tensor::from<int64_t>({2}, {0, 2});
  CHECK_THROWS_WITH(permute(x, {0}), Catch::Contains("permute: want 2 dimensions for [2, 3], got 1"));
  CHECK_THROWS_WITH(permute(x, {0, -2}), Catch::Contains("once"));
  CHECK_THROWS_WITH(concat({}), Catch::Contains("at least one tensor"));
  CHECK_THROWS_WITH(concat({x, Tensor::ones({3, 2})}), Catch::Contains("[2, 3]") && Catch::Contains("[3, 2]"));
  CHECK_THROWS_WITH(concat({x, x.to(Dtype::f64)}), Catch::Contains("f64"));
  CHECK_THROWS_WITH(stack({x, Tensor::ones({3})}), Catch::Contains("one shape"));
  CHECK_THROWS_WITH(slice(x, 0, 0, 1, 0), Catch::Contains("step of at least 1"));
  CHECK_THROWS_WITH(squeeze(x, 0), Catch::Contains("one element along dimension 0"));
  CHECK_THROWS_WITH(unsqueeze(x, 4), Catch::Contains("got 4"));
  CHECK_THROWS_WITH(expand(x, {2, 4}), Catch::Contains("expand"));
  CHECK_THROWS_WITH(expand(x, {3}), Catch::Contains("expand: want a shape that [2, 3] broadcasts to, got [3]"));
  CHECK_THROWS_WITH(pad(x, {{1, 1}}), Catch::Contains("one width for each dimension"));
  CHECK_THROWS_WITH(pad(x, {{0, 0}, {3, 0}}, PadMode::reflect), Catch::Contains("below the dimension's 3 elements"));
  CHECK_THROWS_WITH(pad(x, {{0, 0}, {-1, 0}}), Catch::Contains("at least 0"));
  CHECK_THROWS_WITH(gather_rows(x, far),
                    Catch::Contains("gather_rows: want indices in [0, 2), got one out of range at place 1"));
  CHECK_THROWS_WITH(gather_rows(x, Tensor::from<int64_t>({1}, {-1})), Catch::Contains("at place 0"));
  CHECK_THROWS_WITH(gather_rows(x, x), Catch::Contains("index"));
  CHECK_THROWS_WITH(scatter_rows(x, far, 2), Catch::Contains("out of range"));
  CHECK_THROWS_WITH(gather_tokens(x, far), Catch::Contains("[N, K]"));
  CHECK_THROWS_WITH(pick(x, Tensor::from<int64_t>({2}, {0, 3})), Catch::Contains("[0, 3)"));
  CHECK_THROWS_WITH(embedding(x, x), Catch::Contains("i64"));
  CHECK_THROWS_WITH(one_hot(far, 2), Catch::Contains("[0, 2)"));
}
