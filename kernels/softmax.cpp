#include <fovea/kernels/softmax.h>

#include <fovea/kernels/softmax_groups.h>
#include <fovea/kernels/softmax_rows.h>

namespace fovea::kernels {

template <class T>
void softmax(Cpu&, const T* x, T* y, int64_t rows, int64_t cols) {
  for_each_rows(rows, cols, [&](int64_t first, int64_t count) {
    int64_t at = first * cols;
    with_isa([&]<Isa I>() { softmax_rows<I>(x + at, y + at, count, cols); });
  });
}

template <class T>
void softmax_backward(Cpu&, const T* y, const T* dy, T* dx, int64_t rows, int64_t cols) {
  for_each_rows(rows, cols, [&](int64_t first, int64_t count) {
    int64_t at = first * cols;
    with_isa([&]<Isa I>() { softmax_backward_rows<I>(y + at, dy + at, dx + at, count, cols); });
  });
}

template <class T>
void log_softmax(Cpu&, const T* x, T* y, int64_t rows, int64_t cols) {
  for_each_rows(rows, cols, [&](int64_t first, int64_t count) {
    int64_t at = first * cols;
    with_isa([&]<Isa I>() { log_softmax_rows<I>(x + at, y + at, count, cols); });
  });
}

template <class T>
void log_softmax_backward(Cpu&, const T* y, const T* dy, T* dx, int64_t rows, int64_t cols) {
  for_each_rows(rows, cols, [&](int64_t first, int64_t count) {
    int64_t at = first * cols;
    with_isa([&]<Isa I>() { log_softmax_backward_rows<I>(y + at, dy + at, dx + at, count, cols); });
  });
}

#define FOVEA_INSTANTIATE(T)                                                         \
  template void softmax<T>(Cpu&, const T*, T*, int64_t, int64_t);                    \
  template void softmax_backward<T>(Cpu&, const T*, const T*, T*, int64_t, int64_t); \
  template void log_softmax<T>(Cpu&, const T*, T*, int64_t, int64_t);                \
  template void log_softmax_backward<T>(Cpu&, const T*, const T*, T*, int64_t, int64_t);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
