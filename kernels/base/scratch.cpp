#include <fovea/kernels/scratch.h>

#include <cstdlib>
#include <new>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace fovea::kernels {

static constexpr size_t kHuge = size_t(2) << 20, kAlign = 4096;

static size_t round_up(size_t n, size_t unit) {
  return (n + unit - 1) / unit * unit;
}

// Chunks in the order they were mapped. Once nothing is in use, several become one that holds as much as all did.
struct Arena {
  struct Chunk {
    void* data;
    size_t size;
  };
  std::vector<Chunk> chunks;
  size_t chunk = 0, used = 0;  // the chunk that is being carved, and how far

  ~Arena() { clear(); }

  void clear() {
    for (Chunk& c : chunks) std::free(c.data);
    chunks.clear();
  }
  void add(size_t bytes) {
    size_t size = round_up(bytes, kHuge);
    chunks.reserve(chunks.size() + 1);
    void* data = std::aligned_alloc(kHuge, size);
    if (!data) throw std::bad_alloc();
#if defined(__linux__)
    madvise(data, size, MADV_HUGEPAGE);
#endif
    chunks.push_back({data, size});
  }
  void* take(size_t bytes) {
    bytes = round_up(bytes, kAlign);
    while (chunk < chunks.size() && used + bytes > chunks[chunk].size) ++chunk, used = 0;
    if (chunk == chunks.size()) add(bytes);
    void* p = static_cast<char*>(chunks[chunk].data) + used;
    used += bytes;
    return p;
  }
  void rewind(size_t to_chunk, size_t to_used) noexcept {
    chunk = to_chunk, used = to_used;
    if (chunk != 0 || used != 0 || chunks.size() < 2) return;
    size_t total = held();
    clear();
    try {
      add(total);
    } catch (const std::bad_alloc&) {  // the next take() tries again
    }
  }
  size_t held() const {
    size_t total = 0;
    for (const Chunk& c : chunks) total += c.size;
    return total;
  }
};

static Arena& arena() {
  thread_local Arena a;
  return a;
}

Scratch::Scratch() : chunk_(arena().chunk), used_(arena().used) {}
Scratch::~Scratch() {
  arena().rewind(chunk_, used_);
}
void* Scratch::bytes(size_t bytes) {
  return arena().take(bytes);
}
size_t scratch_held() {
  return arena().held();
}

}  // namespace fovea::kernels
