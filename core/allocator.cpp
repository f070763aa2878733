#include <fovea/core/allocator.h>

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <fovea/core/check.h>

namespace fovea {

namespace {

constexpr size_t kHugePage = size_t(2) << 20, kLarge = size_t(1) << 20, kSmallUnit = 512;

// Memory from the operating system: 2 MiB-aligned, on huge pages where it has them.
struct MappedMemory {
  static void* take(size_t bytes) {
    size_t padded = bytes + kHugePage;
    void* raw = mmap(nullptr, padded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) return nullptr;
    uintptr_t begin = reinterpret_cast<uintptr_t>(raw), aligned = (begin + kHugePage - 1) / kHugePage * kHugePage;
    if (aligned > begin) munmap(raw, aligned - begin);
    if (size_t tail = begin + padded - (aligned + bytes)) munmap(reinterpret_cast<void*>(aligned + bytes), tail);
    void* memory = reinterpret_cast<void*>(aligned);
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
  }
  static void give_back(void* p, size_t bytes) { munmap(p, bytes); }
  static const char* name() { return "cpu"; }
};

// Free lists by rounded size over a source of large blocks. Small sizes are cut from 2 MiB slabs, which are never given
// back; sizes of 1 MiB and more are blocks of their own.
template <class Source>
class CachingAllocator final : public Allocator {
 public:
  void* allocate(size_t bytes) override {
    size_t rounded = round(bytes);
    std::lock_guard lock(mutex_);
    void* p = pop(rounded);
    if (!p) p = rounded < kLarge ? cut(rounded) : map(rounded, bytes);
    stats_.live += rounded;
    stats_.peak = std::max(stats_.peak, stats_.live);
    return p;
  }

  void deallocate(void* p, size_t bytes) noexcept override {
    size_t rounded = round(bytes);
    std::lock_guard lock(mutex_);
    free_[rounded].push_back(p);
    stats_.live -= rounded;
    stats_.cached += rounded;
  }

  void release_cached() override {
    std::lock_guard lock(mutex_);
    release_large();
  }

  AllocatorStats stats() const override {
    std::lock_guard lock(mutex_);
    return stats_;
  }

  void reset_peak() override {
    std::lock_guard lock(mutex_);
    stats_.peak = stats_.live;
  }

 private:
  static size_t round(size_t bytes) {
    size_t unit = bytes < kLarge ? kSmallUnit : kHugePage;
    return std::max(unit, (bytes + unit - 1) / unit * unit);
  }

  void* pop(size_t rounded) {
    auto found = free_.find(rounded);
    if (found == free_.end() || found->second.empty()) return nullptr;
    void* p = found->second.back();
    found->second.pop_back();
    stats_.cached -= rounded;
    return p;
  }

  void* cut(size_t rounded) {
    if (slab_left_ < rounded) {
      slab_ = static_cast<char*>(map(kHugePage, rounded));
      slab_left_ = kHugePage;
    }
    void* p = slab_;
    slab_ += rounded;
    slab_left_ -= rounded;
    return p;
  }

  void* map(size_t rounded, size_t asked) {
    void* p =
        rounded >= asked ? Source::take(rounded) : nullptr;  // a wrapped-around size asks for more than it rounds to
    if (!p) {
      release_large();
      p = rounded >= asked ? Source::take(rounded) : nullptr;
    }
    check(p, "allocator: {} is out of memory: asked for {} bytes with {} live, {} cached, {} at the peak",
          Source::name(), asked, stats_.live, stats_.cached, stats_.peak);
    stats_.mapped += rounded;
    ++stats_.map_calls;
    return p;
  }

  void release_large() {
    for (auto& [size, blocks] : free_) {
      if (size < kLarge) continue;
      for (void* p : blocks) Source::give_back(p, size);
      stats_.cached -= size * blocks.size();
      blocks.clear();
    }
  }

  mutable std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void*>> free_;
  AllocatorStats stats_;
  char* slab_ = nullptr;
  size_t slab_left_ = 0;
};

}  // namespace

Allocator& allocator(Device device) {
  check(device.is_cpu(), "allocator: this build of fovea has no CUDA backend, got {}", device);
  static auto* cpu = new CachingAllocator<MappedMemory>;  // outlives every tensor, static ones too
  return *cpu;
}

std::shared_ptr<void> allocate_shared(Device device, size_t bytes) {
  Allocator& source = allocator(device);
  return {source.allocate(bytes), [&source, bytes](void* p) { source.deallocate(p, bytes); }};
}

}  // namespace fovea
