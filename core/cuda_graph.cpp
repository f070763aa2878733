#include <fovea/core/cuda_graph.h>

#include <algorithm>
#include <memory>
#include <vector>

#include <fovea/core/allocator.h>
#include <fovea/core/check.h>
#include <fovea/core/tensor.h>
#include <fovea/kernels/context.h>
#include <fovea/kernels/copy.h>
#include <fovea/kernels/graph.h>

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

kernels::RandomState draw_in_replays(Generator& generator, int64_t n, Device device) {
  std::vector<Source>& sources = recording->sources;
  auto source =
      std::find_if(sources.begin(), sources.end(), [&](const Source& s) { return s.generator == &generator; });
  if (source == sources.end()) {
    Tensor state = Tensor::empty({int64_t(sizeof(kernels::RandomState))}, Dtype::u8, device);
    source = sources.insert(source, {&generator, state});
  }
  const auto first = uint64_t(source->draws) / 4;
  source->draws += (n + 3) / 4 * 4;
  return {.offset = first, .base = reinterpret_cast<const kernels::RandomState*>(source->state.data<uint8_t>())};
}

}  // namespace fovea
