#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include <fovea/core/random.h>
#include <fovea/data/batch.h>

namespace fovea::data {

// The random numbers of a sample in an epoch: what a loader draws for it depends on these three alone.
Rng sample_rng(uint64_t seed, int64_t epoch, int64_t index);

// Some neighbouring samples of a batch, which one thread makes.
class Chunk {
 public:
  static constexpr int64_t kSize = 8;  // the last one of a batch may be smaller
  Chunk(const Batch& batch, uint64_t seed, std::string_view sample, int64_t number);
  int64_t number() const { return begin_ / kSize; }  // counts the batch's chunks from 0
  static int64_t count(int64_t samples) { return (samples + kSize - 1) / kSize; }

  // Calls f for each of the samples in order, with its row in the batch, its index in the dataset and its sample_rng.
  // What f throws ends the batch: next() throws it, the sample's name before it.
  void each(const std::function<void(int64_t row, int64_t index, Rng& rng)>& f) const;

 private:
  const Batch& batch_;
  uint64_t seed_;
  std::string_view sample_;
  int64_t begin_, end_;
};

// Makes a dataset's batches: what a loader of images, texts, sounds, ... implements. All functions are called from
// several threads at once.
class BatchMaker {
 public:
  virtual ~BatchMaker() = default;
  virtual int64_t size() const = 0;                             // samples in the dataset
  virtual std::string_view sample() const { return "sample"; }  // what errors call one

  // Memory for a field, uninitialised, on the CPU; page-locked if the batches are made for a device.
  using Room = std::function<Tensor(Shape shape, Dtype dtype)>;
  // Adds the fields of a batch whose index, epoch and step are set. Called for one batch after another.
  virtual void begin(Batch& batch, const Room& room) const = 0;
  // Fills in the rows of a chunk, and touches no others: other threads are at work on those.
  virtual void make(Batch& batch, const Chunk& chunk) const = 0;
};

struct PrefetchOptions {
  int64_t batch_size = 256;
  bool shuffle = true;    // another permutation each epoch
  bool drop_last = true;  // leave out the samples that do not fill a batch
  uint64_t seed = 0;
  int workers = 2;      // threads that work ahead; 0: next() makes the batch itself, on the kernels' threads
  int prefetch = 2;     // batches that workers keep ready or in work
  bool pinned = false;  // batches in page-locked memory, for an Uploader
};

// The engine of every loader: batches in order, epoch after epoch, made ahead by workers. What a batch holds depends on
// the maker, seed, epoch and step alone: not on the number of workers, nor on what came before. Memory: prefetch + 1
// batches.
class Prefetch {
 public:
  // Throws Error when there are no samples or drop_last leaves no batch.
  Prefetch(std::shared_ptr<const BatchMaker> maker, PrefetchOptions options = {});
  ~Prefetch();
  Prefetch(Prefetch&&) noexcept;
  Prefetch& operator=(Prefetch&&) noexcept;

  int64_t steps() const;  // batches in an epoch

  // The next batch; nothing at the end of an epoch, and then the next epoch's first. An error on the way is thrown
  // here, that of the batch's first bad sample; after it, and at any time, seek() starts afresh.
  std::optional<Batch> next();

  // The position next() will return; seek(epoch, step) goes there: with the same options an interrupted run goes on as
  // if it had not stopped. step may be steps(), the end of the epoch.
  int64_t epoch() const;
  int64_t step() const;
  void seek(int64_t epoch, int64_t step = 0);

  // Seconds that next() has spent waiting for data (or, without workers, making it) since construction.
  double wait_seconds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fovea::data
