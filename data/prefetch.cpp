#include <fovea/data/prefetch.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

#include <fovea/core/check.h>
#include <fovea/kernels/context.h>

namespace fovea::data {

namespace {

// A batch in work. Its chunks are handed out in order; when `done` reaches their number it is complete.
struct Job {
  Batch batch;
  int64_t chunks = 0, handed_out = 0, done = 0;
  std::exception_ptr error;  // of the first bad sample
  int64_t error_at = 0;

  void fail(std::exception_ptr thrown, int64_t row) {
    if (!error || row < error_at) error = std::move(thrown), error_at = row;
  }
};

// From Chunk::each() to whoever called BatchMaker::make().
struct BadSample {
  std::exception_ptr error;
  int64_t row;
};

}  // namespace

Rng sample_rng(uint64_t seed, int64_t epoch, int64_t index) {
  return Rng(seed, uint64_t(epoch) << 40 | uint64_t(index));
}

Chunk::Chunk(const Batch& batch, uint64_t seed, std::string_view sample, int64_t number)
    : batch_(batch),
      seed_(seed),
      sample_(sample),
      begin_(number * kSize),
      end_(std::min(begin_ + kSize, batch.size())) {}

void Chunk::each(const std::function<void(int64_t row, int64_t index, Rng& rng)>& f) const {
  for (int64_t row = begin_; row < end_; ++row) {
    const int64_t index = batch_.index.data<int64_t>()[row];
    Rng rng = sample_rng(seed_, batch_.epoch, index);
    try {
      f(row, index, rng);
    } catch (const std::exception& e) {
      throw BadSample{std::make_exception_ptr(Error(fmt::format("loader: {} {}: {}", sample_, index, e.what()))), row};
    }
  }
}

struct Prefetch::State {
  std::shared_ptr<const BatchMaker> maker;
  PrefetchOptions options;
  int64_t steps = 0;

  // Where next() stands and, from there on, where the workers stand. Guarded by `mutex` once there are workers.
  int64_t epoch = 0, step = 0, ahead_epoch = 0, ahead_step = 0;
  bool resting = false;  // between two epochs in order: nobody may want the second
  double waited = 0;
  int64_t order_epoch = -1;
  std::vector<int64_t> order;  // of order_epoch, if shuffled

  std::mutex mutex;
  std::condition_variable work, ready;
  std::deque<std::shared_ptr<Job>> queue;  // in the order of next()
  bool stop = false;
  std::vector<std::thread> workers;

  State(std::shared_ptr<const BatchMaker> maker_, PrefetchOptions options_)
      : maker(std::move(maker_)), options(options_) {}

  ~State() {
    {
      std::lock_guard lock(mutex);
      stop = true;
    }
    work.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  // A batch that has its index and its fields, or the error that making those threw.
  std::shared_ptr<Job> make_job(int64_t job_epoch, int64_t job_step) {
    auto job = std::make_shared<Job>();
    try {
      const auto room = [this](Shape shape, Dtype dtype) {
        return options.pinned ? Tensor::pinned(shape, dtype) : Tensor::empty(shape, dtype);
      };
      const int64_t first = job_step * options.batch_size, size = std::min(options.batch_size, maker->size() - first);
      job->batch.epoch = job_epoch, job->batch.step = job_step;
      job->batch.index = room({size}, Dtype::i64);
      int64_t* index = job->batch.index.data<int64_t>();
      if (options.shuffle) {
        if (order_epoch != job_epoch) shuffle(job_epoch);
        std::copy_n(order.begin() + first, size, index);
      } else {
        std::iota(index, index + size, first);
      }
      maker->begin(job->batch, room);
      job->chunks = Chunk::count(size);
    } catch (...) {
      job->fail(std::current_exception(), 0);
    }
    return job;
  }

  void shuffle(int64_t new_epoch) {
    order.resize(size_t(maker->size()));
    std::iota(order.begin(), order.end(), 0);
    Rng rng(options.seed, uint64_t(1) << 63 | uint64_t(new_epoch));
    for (int64_t i = int64_t(order.size()) - 1; i > 0; --i)
      std::swap(order[size_t(i)], order[size_t(rng.integer(0, i + 1))]);
    order_epoch = new_epoch;
  }

  // Nothing, or what went wrong and where.
  std::optional<BadSample> make_chunk(Batch& batch, int64_t number) const {
    try {
      maker->make(batch, Chunk(batch, options.seed, maker->sample(), number));
    } catch (const BadSample& bad) {
      return bad;
    } catch (...) {
      return BadSample{std::current_exception(), number * Chunk::kSize};
    }
    return std::nullopt;
  }

  // The first batch that has a chunk left, or one begun now; null when there is nothing to do.
  std::shared_ptr<Job> open_job() {
    for (const auto& job : queue)
      if (job->handed_out < job->chunks) return job;
    if (int64_t(queue.size()) >= std::max(1, options.prefetch)) return nullptr;
    if (ahead_step == steps) {
      if (!options.shuffle && ahead_epoch >= epoch) return nullptr;
      ++ahead_epoch;
      ahead_step = 0;
    }
    if (resting && ahead_epoch >= epoch) return nullptr;
    queue.push_back(make_job(ahead_epoch, ahead_step++));
    work.notify_all();
    return queue.back();
  }

  // One round of a worker: a chunk. False when there is nothing to do.
  bool work_once(std::unique_lock<std::mutex>& lock) {
    const std::shared_ptr<Job> job = open_job();
    if (!job) return false;
    if (job->handed_out < job->chunks) {
      const int64_t number = job->handed_out++;
      lock.unlock();
      const std::optional<BadSample> bad = make_chunk(job->batch, number);
      lock.lock();
      if (bad) job->fail(bad->error, bad->row);
      ++job->done;
    }
    if (job->done == job->chunks) ready.notify_all();
    return true;
  }

  void run_worker() {
    kernels::set_threads(1);
    std::unique_lock lock(mutex);
    while (!stop)
      if (!work_once(lock)) work.wait(lock);
  }

  void start_workers() {
    if (!workers.empty()) return;
    for (int i = 0; i < options.workers; ++i) workers.emplace_back([this] { run_worker(); });
  }

  std::shared_ptr<Job> take() {
    start_workers();
    std::unique_lock lock(mutex);
    if (resting) {
      resting = false;
      work.notify_all();
    }
    ready.wait(lock, [&] { return !queue.empty() && queue.front()->done == queue.front()->chunks; });
    auto job = queue.front();
    queue.pop_front();
    work.notify_all();
    return job;
  }

  std::shared_ptr<Job> make_now() {
    auto job = make_job(epoch, step);
#pragma omp parallel for schedule(dynamic) if (job->chunks > 1)
    for (int64_t number = 0; number < job->chunks; ++number)
      if (const std::optional<BadSample> bad = make_chunk(job->batch, number)) {
        std::lock_guard lock(mutex);
        job->fail(bad->error, bad->row);
      }
    return job;
  }
};

Prefetch::Prefetch(std::shared_ptr<const BatchMaker> maker, PrefetchOptions options) {
  check(maker != nullptr, "Loader: want something that makes batches, got none");
  const int64_t n = maker->size(), size = options.batch_size;
  const std::string_view sample = maker->sample();
  check(n > 0, "Loader: want a dataset with {}s, got an empty one", sample);
  check(size > 0, "Loader: want a positive batch size, got {}", size);
  check(options.workers >= 0 && options.workers <= 256, "Loader: want 0 to 256 workers, got {}", options.workers);
  check(!options.drop_last || n >= size,
        "Loader: want a batch size of at most the {} {}s there are, got {} (or drop_last = false)", n, sample, size);
  state_ = std::make_unique<State>(std::move(maker), options);
  state_->steps = options.drop_last ? n / size : (n + size - 1) / size;
}

Prefetch::~Prefetch() = default;
Prefetch::Prefetch(Prefetch&&) noexcept = default;
Prefetch& Prefetch::operator=(Prefetch&&) noexcept = default;

int64_t Prefetch::steps() const {
  return state_->steps;
}
int64_t Prefetch::epoch() const {
  return state_->epoch;
}
int64_t Prefetch::step() const {
  return state_->step;
}
double Prefetch::wait_seconds() const {
  return state_->waited;
}

std::optional<Batch> Prefetch::next() {
  State& s = *state_;
  if (s.step == s.steps) {
    std::lock_guard lock(s.mutex);
    ++s.epoch;
    s.step = 0;
    s.resting = !s.options.shuffle;
    return std::nullopt;
  }
  const auto start = std::chrono::steady_clock::now();
  const std::shared_ptr<Job> job = s.options.workers > 0 ? s.take() : s.make_now();
  s.waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ++s.step;
  if (job->error) std::rethrow_exception(job->error);
  return std::move(job->batch);
}

void Prefetch::seek(int64_t epoch, int64_t step) {
  State& s = *state_;
  check(epoch >= 0 && step >= 0 && step <= s.steps,
        "seek: want an epoch of at least 0 and a step in [0, {}], got {} and {}", s.steps, epoch, step);
  std::lock_guard lock(s.mutex);
  s.queue.clear();
  s.epoch = s.ahead_epoch = epoch;
  s.step = s.ahead_step = step;
  s.resting = false;
  s.work.notify_all();
}

}  // namespace fovea::data
