#include <fovea/kernels/device_scratch.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include <fovea/kernels/base/cuda_check.h>

namespace fovea::kernels {

static constexpr size_t kAlign = 256, kSmallestChunk = size_t(8) << 20;

namespace {
struct Arena {
  struct Chunk {
    char* data;
    size_t size;
  };
  std::vector<Chunk> chunks;
  size_t chunk = 0, used = 0;  // the chunk that is being carved, and how far

  size_t held() const {
    size_t total = 0;
    for (const Chunk& c : chunks) total += c.size;
    return total;
  }
  void* take(size_t bytes) {
    bytes = std::max(kAlign, (bytes + kAlign - 1) / kAlign * kAlign);
    while (chunk < chunks.size() && used + bytes > chunks[chunk].size) ++chunk, used = 0;
    if (chunk == chunks.size()) {
      size_t size = std::max(kSmallestChunk, bytes);
      void* data = nullptr;
      FOVEA_CUDA_CHECK(cudaMalloc(&data, size));
      chunks.push_back({static_cast<char*>(data), size});
    }
    void* p = chunks[chunk].data + used;
    used += bytes;
    return p;
  }
};
}  // namespace

static Arena& arena(const Cuda& ctx) {
  static auto* arenas = new std::map<int, Arena>;  // outlives the device's last kernel
  return (*arenas)[ctx.device];
}

bool cuda_no_cache() {
  static const bool set = [] {
    const char* value = std::getenv("FOVEA_CUDA_NO_CACHE");
    return value && *value && *value != '0';
  }();
  return set;
}

DeviceScratch::DeviceScratch(Cuda& ctx) : ctx_(ctx), chunk_(arena(ctx).chunk), used_(arena(ctx).used) {}

DeviceScratch::~DeviceScratch() {
  Arena& a = arena(ctx_);
  a.chunk = chunk_, a.used = used_;
  for (void* p : single_) cudaFree(p);  // waits for the kernels that use it
}

void* DeviceScratch::bytes(size_t bytes) {
  if (!cuda_no_cache() || ctx_.capturing) return arena(ctx_).take(bytes);
  single_.push_back(nullptr);
  FOVEA_CUDA_CHECK(cudaMalloc(&single_.back(), std::max<size_t>(bytes, 1)));
  return single_.back();
}

size_t device_scratch_held(Cuda& ctx) {
  return arena(ctx).held();
}

}  // namespace fovea::kernels
