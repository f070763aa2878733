#include <fovea/core/cuda_graph.h>

#include <memory>
#include <vector>

#include <fovea/core/allocator.h>
#include <fovea/core/check.h>
#include <fovea/core/tensor.h>
#include <fovea/kernels/context.h>
#include <fovea/kernels/copy.h>
#include <fovea/kernels/cuda_graph.h>

namespace fovea {

namespace {

// A generator that the recorded kernels draw from: they count from `state` on the device, which each replay sets to
// where the generator stands, moving that on.
struct Source {
  Generator* generator;
  Tensor state;       // a kernels::RandomState
  int64_t draws = 0;  // numbers of one replay, a multiple of 4
};

struct Recorded {
  explicit Recorded(Device device)
      : context(kernels::cuda(device.index)),
        memory(allocator(device)),
        pool(memory.begin_reserved()),
        graph(context) {}
  ~Recorded() {
    sources.clear();
    memory.release_reserved(pool);
  }

  void replay() {
    for (const auto& action : actions) action();
    for (Source& source : sources) {
      const kernels::RandomState now{source.generator->seed(), source.generator->advance(source.draws)};
      kernels::put(context, &now, source.state.data<uint8_t>(), sizeof(now));
    }
    graph.launch();
  }

  kernels::Cuda& context;
  Allocator& memory;
  int pool;
  std::vector<std::function<void()>> actions;  // before_each_replay()'s
  std::vector<Source> sources;
  kernels::Graph graph;
};

thread_local Recorded* recording = nullptr;

}  // namespace

std::function<void()> capture_graph(Device device, const std::function<void()>& step) {
  check(device.is_cuda(), "capture_graph: want a CUDA device, got {}", device);
  auto recorded = std::make_shared<Recorded>(device);
  struct Recording {
    explicit Recording(Recorded& to) { recording = &to; }
    ~Recording() {
      recording->memory.end_reserved();
      recording = nullptr;
    }
  } until_recorded(*recorded);
  recorded->graph.capture(step);
  return [recorded] { recorded->replay(); };
}

void before_each_replay(std::function<void()> action) {
  check(recording, "before_each_replay: want a step that is being recorded as a graph");
  recording->actions.push_back(std::move(action));
}

static Source* source_of(const Generator& generator) {
  if (!recording) return nullptr;
  for (Source& source : recording->sources)
    if (source.generator == &generator) return &source;
  return nullptr;
}

kernels::RandomState draw_in_replays(Generator& generator, int64_t n, Device device) {
  Source* source = source_of(generator);
  if (!source) {
    Tensor state = Tensor::empty({int64_t(sizeof(kernels::RandomState))}, Dtype::u8, device);
    source = &recording->sources.emplace_back(Source{&generator, state});
  }
  const auto first = uint64_t(source->draws) / 4;
  source->draws += (n + 3) / 4 * 4;
  return {.offset = first, .base = reinterpret_cast<const kernels::RandomState*>(source->state.data<uint8_t>())};
}

int64_t replay_draws(const Generator& generator) {
  const Source* source = source_of(generator);
  return source ? source->draws : 0;
}

void set_replay_draws(const Generator& generator, int64_t draws) {
  if (Source* source = source_of(generator)) source->draws = draws;
}

}  // namespace fovea
