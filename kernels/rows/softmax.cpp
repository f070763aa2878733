#include <fovea/kernels/softmax.h>

#include <fovea/kernels/base/for_each_rows.h>
#include <fovea/kernels/base/softmax_isa.h>

namespace fovea::kernels {

// Calls body<I>(index of the first element, rows) for groups of rows.
template <class F>
static void for_each_group(int64_t rows, int64_t cols, F&& body) {
  for_each_rows(rows, cols, [&](int64_t first, int64_t count) {
    with_isa([&]<Isa I>() { body.template operator()<I>(first * cols, count); });
  });
}

template <class T>
void softmax(Cpu&, const T* x, T* y, int64_t rows, int64_t cols) {
  for_each_group(rows, cols, [&]<Isa I>(int64_t i, int64_t n) { softmax_rows<I>(x + i, y + i, n, cols); });
}

template <class T>
void softmax_backward(Cpu&, const T* y, const T* dy, T* dx, int64_t rows, int64_t cols) {
  for_each_group(rows, cols,
                 [&]<Isa I>(int64_t i, int64_t n) { softmax_backward_rows<I>(y + i, dy + i, dx + i, n, cols); });
}

template <class T>
void log_softmax(Cpu&, const T* x, T* y, int64_t rows, int64_t cols) {
  for_each_group(rows, cols, [&]<Isa I>(int64_t i, int64_t n) { log_softmax_rows<I>(x + i, y + i, n, cols); });
}

template <class T>
void log_softmax_backward(Cpu&, const T* y, const T* dy, T* dx, int64_t rows, int64_t cols) {
  for_each_group(rows, cols,
                 [&]<Isa I>(int64_t i, int64_t n) { log_softmax_backward_rows<I>(y + i, dy + i, dx + i, n, cols); });
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
