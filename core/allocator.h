#pragma once

#include <cstddef>
#include <memory>

#include <fovea/core/device.h>

namespace fovea {

struct AllocatorStats {
  size_t live = 0;       // bytes in use by tensors, as rounded
  size_t cached = 0;     // bytes held for reuse
  size_t peak = 0;       // largest `live` since reset_peak()
  size_t mapped = 0;     // bytes taken from the system since the start
  size_t map_calls = 0;  // times the system was asked for memory
};

// Memory of one device. All functions may be called from any thread.
class Allocator {
 public:
  virtual ~Allocator() = default;
  // At least `bytes` bytes, aligned to 64 (2 MiB for sizes of 1 MiB and more). Throws Error when the memory is used up.
  virtual void* allocate(size_t bytes) = 0;
  // Takes back what allocate(bytes) returned; never throws.
  virtual void deallocate(void* p, size_t bytes) noexcept = 0;
  // Gives the memory that is cached, not used, back to the system.
  virtual void release_cached() = 0;
  // Between begin_reserved(), which names a pool, and end_reserved() memory comes from that pool alone, and what of it
  // is freed, then or later, goes back to it: the memory of work that was recorded to run again. The work's own calls
  // in between are the only ones that may allocate. release_reserved() makes the pool's memory ordinary.
  virtual int begin_reserved() = 0;
  virtual void end_reserved() = 0;
  virtual void release_reserved(int pool) noexcept = 0;
  virtual AllocatorStats stats() const = 0;
  virtual void reset_peak() = 0;
};

// The caching allocator of a device. On the CPU it maps 2 MiB-aligned huge pages and keeps what is freed, by rounded
// size (512 B below 1 MiB, 2 MiB above), so that a training loop maps no memory after its first step.
Allocator& allocator(Device device);
// In builds with CUDA, the same over cudaMalloc, which allocator() hands out, and over page-locked host memory, which
// devices copy from and to while the host goes on. FOVEA_CUDA_NO_CACHE=1 in the environment: the first has no cache.
Allocator& cuda_allocator(int device);
Allocator& pinned_allocator();

// `bytes` of an allocator, returned to it when the last owner goes. For scratch memory and tensors alike.
std::shared_ptr<void> allocate_shared(Allocator& source, size_t bytes);
std::shared_ptr<void> allocate_shared(Device device, size_t bytes);

}  // namespace fovea
