#include <fovea/data/prefetch.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <set>
#include <thread>

#include "support/catch.h"

using namespace fovea;
using namespace fovea::data;
using Catch::Contains;

namespace {

// Texts of five tokens, which the samples' indices tell, and which of the tokens are hidden.
class Texts : public BatchMaker {
 public:
  static constexpr int64_t kLength = 5;
  explicit Texts(int64_t size, std::set<int64_t> bad = {}) : size_(size), bad_(std::move(bad)) {}
  int64_t size() const override { return size_; }
  std::string_view sample() const override { return "text"; }
  static int64_t token(int64_t index, int64_t at) { return index * 1000 + at; }

  void begin(Batch& batch, const Room& room) const override {
    batch.set("tokens", room({batch.size(), kLength}, Dtype::i64));
    batch.set("mask", room({batch.size(), kLength}, Dtype::u8));
  }
  void make(Batch& batch, const Chunk& chunk) const override {
    Tensor tokens = batch["tokens"], mask = batch["mask"];
    chunk.each([&](int64_t row, int64_t index, Rng& rng) {
      if (bad_.count(index)) {  // the first of them tells it last
        if (index == *bad_.begin()) std::this_thread::sleep_for(std::chrono::milliseconds(30));
        throw Error("corpus.txt: not UTF-8");
      }
      for (int64_t at = 0; at < kLength; ++at) {
        tokens.data<int64_t>()[row * kLength + at] = token(index, at);
        mask.data<uint8_t>()[row * kLength + at] = rng.bernoulli(0.4f);
      }
      ++made;
    });
  }

  mutable std::atomic<int> made{0};

 private:
  int64_t size_;
  std::set<int64_t> bad_;
};

Prefetch texts(int64_t size, const PrefetchOptions& options, std::set<int64_t> bad = {}) {
  return {std::make_shared<Texts>(size, std::move(bad)), options};
}

bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

bool same(const Batch& a, const Batch& b) {
  return a.epoch == b.epoch && a.step == b.step && same(a.index, b.index) && same(a["tokens"], b["tokens"]) &&
         same(a["mask"], b["mask"]);
}

std::vector<Batch> collect(Prefetch& batches, int epochs) {
  std::vector<Batch> out;
  for (int i = 0; i < epochs; ++i)
    while (auto batch = batches.next()) out.push_back(std::move(*batch));
  return out;
}

}  // namespace

TEST_CASE("batches of anything are the same for any number of workers", "[data][prefetch]") {
  for (bool shuffle : {true, false}) {
    Prefetch plain = texts(45, {.batch_size = 10, .shuffle = shuffle, .drop_last = false, .seed = 5, .workers = 0});
    const std::vector<Batch> expected = collect(plain, 3);
    REQUIRE(expected.size() == 15);
    CHECK(expected[4].size() == 5);
    for (int workers : {1, 3})
      for (int prefetch : {1, 4}) {
        Prefetch batches = texts(45, {.batch_size = 10,
                                      .shuffle = shuffle,
                                      .drop_last = false,
                                      .seed = 5,
                                      .workers = workers,
                                      .prefetch = prefetch});
        const std::vector<Batch> found = collect(batches, 3);
        REQUIRE(found.size() == expected.size());
        for (size_t i = 0; i < found.size(); ++i) CHECK(same(found[i], expected[i]));
      }
  }
}

// Journals, checkpoints and published numbers rest on these: whoever changes them changes every run.
TEST_CASE("order and random numbers are what they always were", "[data][prefetch]") {
  Prefetch batches = texts(12, {.batch_size = 12, .seed = 7, .workers = 0});
  CHECK(batches.next()->index.to_vector<int64_t>() == std::vector<int64_t>{3, 9, 2, 6, 0, 8, 7, 11, 5, 4, 10, 1});
  CHECK(!batches.next());
  CHECK(batches.next()->index.to_vector<int64_t>() == std::vector<int64_t>{3, 8, 0, 9, 6, 4, 11, 7, 1, 5, 10, 2});
  Rng sample = sample_rng(7, 3, 11), same_stream(7, uint64_t(3) << 40 | 11);
  for (int i = 0; i < 8; ++i) CHECK(sample.next() == same_stream.next());
}

TEST_CASE("rows are those of the samples of the index, drawn from each sample's own random numbers",
          "[data][prefetch]") {
  Prefetch batches = texts(30, {.batch_size = 9, .drop_last = false, .seed = 3, .workers = 2});
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::set<int64_t> seen;
    while (auto batch = batches.next()) {
      const Tensor tokens = (*batch)["tokens"], mask = (*batch)["mask"];
      for (int64_t row = 0; row < batch->size(); ++row) {
        const int64_t index = batch->index.data<int64_t>()[row];
        seen.insert(index);
        Rng rng = sample_rng(3, epoch, index);
        for (int64_t at = 0; at < Texts::kLength; ++at) {
          CHECK(tokens.data<int64_t>()[row * Texts::kLength + at] == Texts::token(index, at));
          CHECK(mask.data<uint8_t>()[row * Texts::kLength + at] == rng.bernoulli(0.4f));
        }
      }
    }
    CHECK(seen.size() == 30);
  }
}

TEST_CASE("batches of anything go on from any position", "[data][prefetch]") {
  for (int workers : {0, 3}) {
    const PrefetchOptions options{.batch_size = 8, .seed = 9, .workers = workers};
    Prefetch whole = texts(50, options);
    const std::vector<Batch> expected = collect(whole, 2);
    REQUIRE(expected.size() == 12);
    Prefetch batches = texts(50, options);
    for (int64_t at : {7, 2, 11, 0}) {
      batches.seek(at / 6, at % 6);
      CHECK(batches.epoch() == at / 6);
      CHECK(batches.step() == at % 6);
      CHECK(same(*batches.next(), expected[size_t(at)]));
    }
    batches.seek(0, 6);
    CHECK(!batches.next());
    CHECK(same(*batches.next(), expected[6]));
    CHECK_THROWS_WITH(batches.seek(0, 7), Contains("step in [0, 6]"));
  }
}

TEST_CASE("the error of a batch is that of its first bad sample, by name", "[data][prefetch]") {
  for (int workers : {0, 1, 3}) {
    Prefetch batches = texts(60, {.batch_size = 30, .shuffle = false, .workers = workers}, {50, 41, 35, 59});
    CHECK(batches.next()->step == 0);
    CHECK_THROWS_WITH(batches.next(), "loader: text 35: corpus.txt: not UTF-8");
    CHECK(!batches.next());
    CHECK(batches.next()->epoch == 1);
  }
}

TEST_CASE("what goes wrong outside of a sample is thrown as it is", "[data][prefetch]") {
  struct NoRoom : Texts {
    using Texts::Texts;
    void begin(Batch& batch, const Room& room) const override {
      if (batch.step == 1) throw Error("no room for a batch");
      Texts::begin(batch, room);
    }
    void make(Batch& batch, const Chunk& chunk) const override {
      Texts::make(batch, chunk);
      if (batch.step == 2 && chunk.number() == 1) throw Error("no room for a chunk");
    }
  };
  for (int workers : {0, 2}) {
    Prefetch batches(std::make_shared<NoRoom>(40), {.batch_size = 10, .shuffle = false, .workers = workers});
    CHECK(batches.next()->step == 0);
    CHECK_THROWS_WITH(batches.next(), "no room for a batch");
    CHECK_THROWS_WITH(batches.next(), "no room for a chunk");
    CHECK(batches.next()->step == 3);
  }
}

TEST_CASE("workers keep as many batches ready as asked for, and rest behind an epoch in order", "[data][prefetch]") {
  auto maker = std::make_shared<Texts>(40);
  Prefetch batches(maker, {.batch_size = 10, .shuffle = false, .workers = 3, .prefetch = 2});
  auto settled = [&](int count) {
    for (int i = 0; i < 200 && maker->made < count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return maker->made == count;
  };
  CHECK(maker->made == 0);  // nobody works before the first next()
  batches.next();
  CHECK(settled(30));
  while (batches.next()) {
  }
  CHECK(settled(40));
  batches.next();
  CHECK(settled(70));
}

TEST_CASE("chunks cover a batch once", "[data][prefetch]") {
  CHECK(Chunk::count(1) == 1);
  CHECK(Chunk::count(Chunk::kSize) == 1);
  CHECK(Chunk::count(Chunk::kSize + 1) == 2);
  Batch batch;
  batch.index = Tensor::arange(Chunk::kSize + 3);
  std::vector<int64_t> rows;
  for (int64_t number : {0, 1})
    Chunk(batch, 0, "sample", number).each([&](int64_t row, int64_t, Rng&) { rows.push_back(row); });
  CHECK(rows == batch.index.to_vector<int64_t>());
}

TEST_CASE("what a prefetch is asked for is checked", "[data][prefetch]") {
  CHECK_THROWS_WITH(Prefetch(nullptr), Contains("want something that makes batches"));
  CHECK_THROWS_WITH(texts(0, {}), Contains("want a dataset with texts, got an empty one"));
  CHECK_THROWS_WITH(texts(4, {.batch_size = 5}), Contains("at most the 4 texts there are, got 5"));
  CHECK_THROWS_WITH(texts(4, {.batch_size = 0}), Contains("positive batch size"));
  CHECK_THROWS_WITH(texts(4, {.batch_size = 2, .workers = 257}), Contains("0 to 256 workers"));
  CHECK(texts(4, {.batch_size = 5, .drop_last = false}).steps() == 1);
}
