#pragma once

#include <cstddef>

namespace fovea::kernels {

// Short-lived memory of a kernel. Blocks are taken from an arena of the calling thread and given back, all at once,
// when the Scratch goes; scratches of one thread nest. The arena lies in huge pages and only grows, so a loop that
// repeats its work maps memory in its first round alone. A kernel takes what its threads need before it wakes them.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // `bytes` uninitialised bytes, aligned to 4 KiB. Throws std::bad_alloc when the system has none.
  void* bytes(size_t bytes);
  template <class T>
  T* take(size_t count) {
    return static_cast<T*>(bytes(count * sizeof(T)));
  }

 private:
  size_t chunk_, used_;  // where the arena stood
};

// Bytes that the calling thread's arena holds.
size_t scratch_held();

}  // namespace fovea::kernels
