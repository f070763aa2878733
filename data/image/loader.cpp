#include <fovea/data/image/loader.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <numeric>
#include <thread>

#include <fovea/core/check.h>
#include <fovea/data/image/raw_views.h>
#include <fovea/kernels/context.h>

namespace fovea::data {

namespace {

// Workers take this many images of a batch at a time.
constexpr int64_t kChunk = 8;

// A batch in work. Its images are handed out in order; when `done` reaches their number it is complete.
struct Job {
  Batch batch;
  int64_t size = 0, handed_out = 0, done = 0;
  std::exception_ptr error;  // of the first bad image
  int64_t error_at = 0;
};

}  // namespace

struct Loader::State {
  DatasetPtr dataset;
  Views views;
  LoaderOptions options;
  const bool planned = all_planned(views);
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

  State(DatasetPtr dataset_, Views views_, LoaderOptions options_)
      : dataset(std::move(dataset_)), views(std::move(views_)), options(options_) {}

  ~State() {
    {
      std::lock_guard lock(mutex);
      stop = true;
    }
    work.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  std::shared_ptr<Job> make_job(int64_t job_epoch, int64_t job_step) {
    auto job = std::make_shared<Job>();
    const int64_t first = job_step * options.batch_size;
    job->size = std::min(options.batch_size, dataset->size() - first);
    Batch& batch = job->batch;
    batch.epoch = job_epoch;
    batch.step = job_step;
    auto make = [this](Shape shape, Dtype dtype) {
      return options.pinned ? Tensor::pinned(shape, dtype) : Tensor::empty(shape, dtype);
    };
    batch.index = make({job->size}, Dtype::i64);
    batch.set("labels", make({job->size}, Dtype::i64));
    int64_t* index = batch.index.data<int64_t>();
    if (options.shuffle) {
      if (order_epoch != job_epoch) shuffle(job_epoch);
      std::copy_n(order.begin() + first, job->size, index);
    } else {
      std::iota(index, index + job->size, first);
    }
    if (planned) batch.set("places", make({views.count(), job->size, 2, 3}, Dtype::f32));
    if (options.raw) {
      batch.raw = std::make_shared<RawViews>();
      batch.raw->parts.resize(size_t((job->size + kChunk - 1) / kChunk));
      return job;
    }
    int view = 0;
    for (int count : views.groups()) {
      const int64_t side = views[view].size();
      batch.set(fmt::format("views.{}", batch.group_count()),
                make({count * job->size, side, side, Image::kChannels}, options.dtype));
      view += count;
    }
    return job;
  }

  void shuffle(int64_t new_epoch) {
    order.resize(size_t(dataset->size()));
    std::iota(order.begin(), order.end(), 0);
    Rng rng(options.seed, uint64_t(1) << 63 | uint64_t(new_epoch));
    for (int64_t i = int64_t(order.size()) - 1; i > 0; --i)
      std::swap(order[size_t(i)], order[size_t(rng.integer(0, i + 1))]);
    order_epoch = new_epoch;
  }

  // Images [begin, end) of a batch. Touches only their places in the tensors.
  void make_images(Batch& batch, int64_t begin, int64_t end, std::exception_ptr& error, int64_t& error_at) const {
    RawPacker packer(views);
    Tensor labels = batch.labels();
    for (int64_t i = begin; i < end; ++i) {
      const int64_t index = static_cast<const Tensor&>(batch.index).data<int64_t>()[i];
      try {
        labels.data<int64_t>()[i] = dataset->label(index);
        Rng rng = rng_of(batch.epoch, index);
        if (options.raw)
          put_places(batch, i, packer.add(dataset->get(index), rng));
        else
          make_image(batch, i, dataset->get(index), rng);
      } catch (const std::exception& e) {
        error = std::make_exception_ptr(Error(fmt::format("loader: image {}: {}", index, e.what())));
        error_at = i;
        return;
      }
    }
    if (options.raw) batch.raw->parts[size_t(begin / kChunk)] = packer.pack(options.pinned);
  }

  // The random numbers of an image in an epoch.
  Rng rng_of(int64_t of_epoch, int64_t index) const {
    return Rng(options.seed, uint64_t(of_epoch) << 40 | uint64_t(index));
  }

  void put_places(Batch& batch, int64_t i, const std::vector<Place>& places) const {
    if (!planned) return;
    Tensor out = batch["places"];
    for (size_t v = 0; v < places.size(); ++v)
      std::copy(places[v].begin(), places[v].end(),
                out.data<float>() + (int64_t(v) * batch.size() + i) * int64_t(places[v].size()));
  }

  void make_image(Batch& batch, int64_t i, Source source, Rng& rng) const {
    if (views.count() > 1) source.decode();
    std::vector<Place> places;
    auto make = [&](const View& view) {
      if (!planned) return view(source, rng);
      const ViewPlan plan = view.draw()(source.width(), source.height(), rng);
      places.push_back(place_of(plan, view.size()));
      return make_view(plan, view.size(), source);
    };
    int v = 0;
    for (Tensor& out : batch.views()) {
      const int side = views[v].size();
      const Image image = make(views[v++]);
      check(image.width() == side && image.height() == side, "want a view of {} x {} pixels, got {} x {}", side, side,
            image.width(), image.height());
      if (options.dtype == Dtype::u8)
        std::memcpy(out.data<uint8_t>() + i * int64_t(image.bytes()), image.data(), image.bytes());
      else
        options.normalize(image, out.data<float>() + i * int64_t(image.bytes()));
    }
    put_places(batch, i, places);
  }

  // One round of a worker: some images of the first batch that has any left. False when there is nothing to do.
  bool work_once(std::unique_lock<std::mutex>& lock) {
    auto open = std::find_if(queue.begin(), queue.end(), [](const auto& job) { return job->handed_out < job->size; });
    std::shared_ptr<Job> job;
    if (open != queue.end()) {
      job = *open;
    } else {
      if (int64_t(queue.size()) >= std::max(1, options.prefetch)) return false;
      if (ahead_step == steps) {
        if (!options.shuffle && ahead_epoch >= epoch) return false;
        ++ahead_epoch;
        ahead_step = 0;
      }
      if (resting && ahead_epoch >= epoch) return false;
      try {
        job = make_job(ahead_epoch, ahead_step++);
      } catch (...) {  // out of memory
        job = std::make_shared<Job>();
        job->size = job->handed_out = job->done = 1;
        job->error = std::current_exception();
        ready.notify_all();
      }
      queue.push_back(job);
      work.notify_all();
    }
    const int64_t begin = job->handed_out, end = std::min(begin + kChunk, job->size);
    if (begin == end) return true;
    job->handed_out = end;
    lock.unlock();
    std::exception_ptr error;
    int64_t error_at = 0;
    make_images(job->batch, begin, end, error, error_at);
    lock.lock();
    if (error && (!job->error || error_at < job->error_at)) job->error = error, job->error_at = error_at;
    job->done += end - begin;
    if (job->done == job->size) ready.notify_all();
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
    ready.wait(lock, [&] { return !queue.empty() && queue.front()->done == queue.front()->size; });
    auto job = queue.front();
    queue.pop_front();
    work.notify_all();
    return job;
  }

  std::shared_ptr<Job> make_now() {
    auto job = make_job(epoch, step);
    const int64_t chunks = (job->size + kChunk - 1) / kChunk;
#pragma omp parallel for schedule(dynamic) if (chunks > 1)
    for (int64_t c = 0; c < chunks; ++c) {
      std::exception_ptr error;
      int64_t error_at = 0;
      make_images(job->batch, c * kChunk, std::min((c + 1) * kChunk, job->size), error, error_at);
      if (error) {
        std::lock_guard lock(mutex);
        if (!job->error || error_at < job->error_at) job->error = error, job->error_at = error_at;
      }
    }
    return job;
  }
};

Loader::Loader(DatasetPtr dataset, Views views, LoaderOptions options) {
  check(dataset != nullptr, "Loader: want a dataset, got none");
  const int64_t n = dataset->size();
  check(n > 0, "Loader: want a dataset with images, got an empty one");
  check(options.batch_size > 0, "Loader: want a positive batch size, got {}", options.batch_size);
  check(options.workers >= 0 && options.workers <= 256, "Loader: want 0 to 256 workers, got {}", options.workers);
  check(options.dtype == Dtype::f32 || options.dtype == Dtype::u8, "Loader: want views as f32 or u8, got {}",
        name_of(options.dtype));
  check(!options.drop_last || n >= options.batch_size,
        "Loader: want a batch size of at most the {} images there are, got {} (or drop_last = false)", n,
        options.batch_size);
  options.raw = options.raw && all_planned(views);
  state_ = std::make_unique<State>(std::move(dataset), std::move(views), options);
  state_->steps = options.drop_last ? n / options.batch_size : (n + options.batch_size - 1) / options.batch_size;
}

Loader::~Loader() = default;
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;

int64_t Loader::steps() const {
  return state_->steps;
}
const Dataset& Loader::dataset() const {
  return *state_->dataset;
}
const Views& Loader::views() const {
  return state_->views;
}
std::vector<Image> Loader::views_of(int64_t index, int64_t epoch) const {
  Rng rng = state_->rng_of(epoch, index);
  return state_->views(state_->dataset->get(index), rng);
}
const LoaderOptions& Loader::options() const {
  return state_->options;
}
int64_t Loader::epoch() const {
  return state_->epoch;
}
int64_t Loader::step() const {
  return state_->step;
}
double Loader::wait_seconds() const {
  return state_->waited;
}

std::optional<Batch> Loader::next() {
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

void Loader::seek(int64_t epoch, int64_t step) {
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
