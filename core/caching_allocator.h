#pragma once

// Private to the library.
#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fovea/core/allocator.h>
#include <fovea/core/check.h>

namespace fovea {

// Free lists by rounded size over a source of large blocks. Small sizes are cut from 2 MiB slabs, which are never given
// back; sizes of 1 MiB and more are blocks of their own. Source has take(bytes), null when there is none,
// give_back(p, bytes) and name(). With caches = false each allocation is the source's own, of just the size asked for,
// so that memory checkers see its bounds.
template <class Source>
class CachingAllocator final : public Allocator {
 public:
  explicit CachingAllocator(Source source = {}, bool caches = true) : source_(std::move(source)), caches_(caches) {}

  void* allocate(size_t bytes) override {
    size_t rounded = round(bytes);
    std::lock_guard lock(mutex_);
    void* p = pop(active_ ? pools_[active_] : free_, rounded);
    if (!p) p = caches_ && rounded < kLarge ? cut(rounded) : map(rounded, bytes);
    if (active_) owner_[p] = active_;
    stats_.live += rounded;
    stats_.peak = std::max(stats_.peak, stats_.live);
    return p;
  }

  void deallocate(void* p, size_t bytes) noexcept override {
    size_t rounded = round(bytes);
    std::lock_guard lock(mutex_);
    stats_.live -= rounded;
    if (auto owner = owner_.find(p); owner != owner_.end()) return keep(pools_[owner->second], p, rounded);
    if (!caches_) return source_.give_back(p, rounded);
    keep(free_, p, rounded);
  }

  int begin_reserved() override {
    std::lock_guard lock(mutex_);
    return active_ = ++last_pool_;
  }

  void end_reserved() override {
    std::lock_guard lock(mutex_);
    active_ = 0;
  }

  void release_reserved(int pool) noexcept override {
    std::lock_guard lock(mutex_);
    for (auto& [size, blocks] : pools_[pool])
      for (void* p : blocks) {
        stats_.cached -= size;
        caches_ ? keep(free_, p, size) : source_.give_back(p, size);
      }
    pools_.erase(pool);
    std::erase_if(owner_, [pool](const auto& block) { return block.second == pool; });
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
  static constexpr size_t kBlock = size_t(2) << 20, kLarge = size_t(1) << 20, kSmallUnit = 512;

  size_t round(size_t bytes) const {
    if (!caches_) return std::max<size_t>(bytes, 1);
    size_t unit = bytes < kLarge ? kSmallUnit : kBlock;
    return std::max(unit, (bytes + unit - 1) / unit * unit);
  }

  using FreeLists = std::unordered_map<size_t, std::vector<void*>>;

  void keep(FreeLists& lists, void* p, size_t rounded) {
    lists[rounded].push_back(p);
    stats_.cached += rounded;
  }

  void* pop(FreeLists& lists, size_t rounded) {
    auto found = lists.find(rounded);
    if (found == lists.end() || found->second.empty()) return nullptr;
    void* p = found->second.back();
    found->second.pop_back();
    stats_.cached -= rounded;
    return p;
  }

  void* cut(size_t rounded) {
    if (slab_left_ < rounded) {
      slab_ = static_cast<char*>(map(kBlock, rounded));
      slab_left_ = kBlock;
    }
    void* p = slab_;
    slab_ += rounded;
    slab_left_ -= rounded;
    return p;
  }

  void* map(size_t rounded, size_t asked) {
    void* p =
        rounded >= asked ? source_.take(rounded) : nullptr;  // a wrapped-around size asks for more than it rounds to
    if (!p) {
      release_large();
      p = rounded >= asked ? source_.take(rounded) : nullptr;
    }
    check(p, "allocator: {} is out of memory: asked for {} bytes with {} live, {} cached, {} at the peak",
          source_.name(), asked, stats_.live, stats_.cached, stats_.peak);
    stats_.mapped += rounded;
    ++stats_.map_calls;
    return p;
  }

  void release_large() {
    for (auto& [size, blocks] : free_) {
      if (size < kLarge) continue;
      for (void* p : blocks) source_.give_back(p, size);
      stats_.cached -= size * blocks.size();
      blocks.clear();
    }
  }

  Source source_;
  bool caches_;
  mutable std::mutex mutex_;
  FreeLists free_;
  int active_ = 0, last_pool_ = 0;  // the pool of begin_reserved(); 0: none
  std::unordered_map<int, FreeLists> pools_;
  std::unordered_map<void*, int> owner_;  // blocks of pools
  AllocatorStats stats_;
  char* slab_ = nullptr;
  size_t slab_left_ = 0;
};

}  // namespace fovea
