#include <cmath>

#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/losses/contrastive/instance.h>
#include <fovea/models/parts/memory.h>
#include <fovea/nn/io/checkpoint.h>

#include "support/catch.h"
#include "support/files.h"

using namespace fovea;
using namespace fovea::testing;

namespace {

// Rows of one number each.
Tensor rows_of(const std::vector<float>& values) {
  return Tensor::from<float>({int64_t(values.size()), 1}, values);
}

std::vector<float> values(const Tensor& t) {
  return t.to_vector<float>();
}

Tensor index_of(const std::vector<int64_t>& index) {
  return Tensor::from<int64_t>({int64_t(index.size())}, index);
}

}  // namespace

TEST_CASE("a queue starts with random rows of length 1", "[models][memory]") {
  Generator generator(3), same(3);
  models::Queue queue({.size = 50, .dim = 7}, generator), other({.size = 50, .dim = 7}, same);
  CHECK(queue.rows().shape() == Shape{50, 7});
  for (float length : values(sum(square(queue.rows()), {1}))) CHECK(length == Approx(1).epsilon(1e-5));
  CHECK(values(queue.rows()) == values(other.rows()));
  CHECK(queue.str() == "Queue(50, 7)");
  CHECK_THROWS_WITH(models::Queue({.size = 0, .dim = 7}), Catch::Contains("0 x 7"));
}

TEST_CASE("a queue holds the last rows that were pushed, newest first", "[models][memory]") {
  models::Queue queue({.size = 5, .dim = 1});
  queue.push(rows_of({1, 2}));
  queue.push(rows_of({3, 4}));
  CHECK(values(queue.rows().slice(0, 4)) == std::vector<float>{3, 4, 1, 2});
  queue.push(rows_of({5, 6}));
  CHECK(values(queue.rows()) == std::vector<float>{5, 6, 3, 4, 1});
  queue.push(rows_of({}));
  CHECK(values(queue.rows()) == std::vector<float>{5, 6, 3, 4, 1});
  queue.push(rows_of({1, 2, 3, 4, 5, 6, 7}));
  CHECK(values(queue.rows()) == std::vector<float>{1, 2, 3, 4, 5});
  queue.push(rows_of({0.5f}).to(Dtype::bf16));
  CHECK(values(queue.rows()) == std::vector<float>{0.5f, 1, 2, 3, 4});
  CHECK_THROWS_WITH(queue.push(Tensor::ones({2, 2})), Catch::Contains("[N, 1]") && Catch::Contains("[2, 2]"));
}

TEST_CASE("sixteen batches of 256 replace all rows of a queue of 4096", "[models][memory]") {
  models::Queue queue({.size = 4096, .dim = 2});
  for (int i = 0; i < 16; ++i) queue.push(Tensor::full({256, 2}, i));
  std::vector<float> all = values(queue.rows());
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t batch = 15 - i / 512;
    REQUIRE(all[i] == float(batch));
  }
}

TEST_CASE("a push between a loss and its backward pass changes no gradient", "[models][memory]") {
  models::Queue queue({.size = 9, .dim = 4});
  Tensor key = normalize(randn({3, 4})), start = randn({3, 4});
  auto gradient = [&](bool push) {
    Tensor query = start.clone().set_requires_grad();
    Tensor loss = losses::info_nce(query, key, queue.rows(), 0.2);
    if (push) queue.push(key);
    loss.backward();
    return values(query.grad());
  };
  const std::vector<float> wanted = gradient(false);
  CHECK(gradient(true) == wanted);
}

TEST_CASE("rows that are pushed keep no graph", "[models][memory]") {
  models::Queue queue({.size = 3, .dim = 2});
  Tensor weight = Tensor::ones({3, 2}).set_requires_grad();
  queue.push(weight * 2);
  CHECK_FALSE(queue.rows().requires_grad());
  models::MemoryBank bank({.images = 3, .dim = 2});
  bank.update(Tensor::arange(3), weight * 2);
  CHECK_FALSE(bank.rows().requires_grad());
}

TEST_CASE("queues and banks are part of a checkpoint", "[models][memory]") {
  struct Net : nn::Module {
    models::Queue queue;
    models::MemoryBank bank;
    Net() : queue({.size = 5, .dim = 3}), bank({.images = 4, .dim = 2}) {}
    void visit(nn::Visitor& v) override {
      v("queue", queue);
      v("bank", bank);
    }
    std::string describe() const override { return "Net"; }
  };
  TemporaryFolder folder;
  Net first, second;
  first.queue.push(randn({2, 3}));
  first.bank.update(index_of({3, 1}), randn({2, 2}));
  nn::save_checkpoint(folder / "last.safetensors", {&first});
  nn::Checkpoint checkpoint{&second};
  nn::load_checkpoint(folder / "last.safetensors", checkpoint);
  CHECK(values(second.queue.rows()) == values(first.queue.rows()));
  CHECK(values(second.bank.rows()) == values(first.bank.rows()));
  CHECK(first.state()[0].name == "queue.rows");
  Net copy = first;
  copy.queue.push(Tensor::ones({5, 3}));
  copy.bank.update(index_of({0}), Tensor::ones({1, 2}));
  CHECK(values(second.queue.rows()) == values(first.queue.rows()));
  CHECK(values(second.bank.rows()) == values(first.bank.rows()));
}

TEST_CASE("a memory bank's rows move towards what was seen", "[models][memory]") {
  models::MemoryBank bank({.images = 3, .dim = 2});
  bank.update(Tensor::arange(3), Tensor::from<float>({3, 2}, {1, 0, 0, 1, 0, 1}), 0);
  CHECK(values(bank.rows()) == std::vector<float>{1, 0, 0, 1, 0, 1});
  bank.update(index_of({0}), Tensor::from<float>({1, 2}, {0, 5}), 0.5);  // the value's length does not matter
  std::vector<float> rows = values(bank.rows());
  CHECK(rows[0] == Approx(0.707107).margin(1e-6));
  CHECK(rows[1] == Approx(0.707107).margin(1e-6));
  CHECK(std::vector<float>(rows.begin() + 2, rows.end()) == std::vector<float>{0, 1, 0, 1});
  bank.update(index_of({1, 2, 1}), Tensor::from<float>({3, 2}, {1, 1, 1, 0, 4, 0}), 0);  // the last of equal ones
  CHECK(values(bank.at(index_of({1, 2}))) == std::vector<float>{1, 0, 1, 0});
  CHECK_THROWS_WITH(bank.update(index_of({3}), Tensor::ones({1, 2})), Catch::Contains("[0, 3)"));
  CHECK_THROWS_WITH(bank.update(index_of({0, 1}), Tensor::ones({1, 2})), Catch::Contains("[2]"));
  CHECK_THROWS_WITH(bank.update(index_of({0}), Tensor::ones({1, 2}), 1.5), Catch::Contains("1.5"));
  CHECK(values(bank.at(index_of({1}))) == std::vector<float>{1, 0});  // an error leaves it as it was
}

TEST_CASE("a memory bank is written where it lies unless somebody holds its rows", "[models][memory]") {
  models::MemoryBank bank({.images = 4, .dim = 3});
  Tensor feature = randn({2, 3}), index = index_of({2, 0});
  const void* memory = bank.rows().raw();
  bank.update(index, feature);
  CHECK(bank.rows().raw() == memory);
  {
    Tensor held = bank.rows().slice(1, 4);
    const std::vector<float> before = values(held);
    bank.update(index, feature);
    CHECK(values(held) == before);
    CHECK(bank.rows().raw() != memory);
  }
  auto gradient = [&](bool update) {
    Tensor v = feature.clone().set_requires_grad();
    Tensor loss = losses::instance_softmax(v, bank.rows(), index, 0.1);
    if (update) bank.update(index, v);
    loss.backward();
    return values(v.grad());
  };
  const std::vector<float> wanted = gradient(false);
  CHECK(gradient(true) == wanted);
}

TEST_CASE("a memory bank gives rows of images drawn at random", "[models][memory]") {
  models::MemoryBank bank({.images = 5, .dim = 3});
  Generator generator(2), same(2);
  Tensor drawn = bank.sample(400, generator), index = (rand({400}, same) * 5).to(Dtype::i64);
  CHECK(values(drawn) == values(bank.at(index)));
  std::vector<int> seen(5);
  for (int64_t i : index.to_vector<int64_t>()) ++seen[size_t(i)];
  for (int times : seen) CHECK(times > 40);
}

TEST_CASE("a memory bank starts with rows of about length 1", "[models][memory]") {
  Generator generator(1);
  models::MemoryBank bank({.images = 400, .dim = 128}, generator);
  CHECK(mean(sum(square(bank.rows()), {1})).item() == Approx(1).epsilon(0.02));
  const double bound = 1 / std::sqrt(128 / 3.0);
  CHECK(max(abs(bank.rows())).item() <= bound);
  CHECK(max(abs(bank.rows())).item() > 0.99 * bound);
}
