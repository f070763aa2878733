#include <fovea/core/allocator.h>

#include <sys/mman.h>

#include <cstdint>

#include <fovea/core/caching_allocator.h>
#include <fovea/core/dispatch.h>

namespace fovea {

namespace {

constexpr size_t kHugePage = size_t(2) << 20;

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
  static std::string name() { return "cpu"; }
};

}  // namespace

Allocator& allocator(Device device) {
  if (device.is_cuda()) {
    if constexpr (kHasCuda) return cuda_allocator(device.index);
    throw_no_cuda();
  }
  static auto* cpu = new CachingAllocator<MappedMemory>;  // outlives every tensor, static ones too
  return *cpu;
}

std::shared_ptr<void> allocate_shared(Device device, size_t bytes) {
  return allocate_shared(allocator(device), bytes);
}

std::shared_ptr<void> allocate_shared(Allocator& source, size_t bytes) {
  return {source.allocate(bytes), [&source, bytes](void* p) { source.deallocate(p, bytes); }};
}

}  // namespace fovea
