#include <fovea/kernels/xent.h>

#include <fovea/kernels/base/for_each_rows.h>
#include <fovea/kernels/rows/xent_isa.h>

namespace fovea::kernels {

LabelCheck check_labels(Cpu&, const int64_t* labels, int64_t rows, int64_t classes, int64_t ignored) {
  LabelCheck result;
  for (int64_t r = 0; r < rows; ++r) {
    if (labels[r] == ignored) continue;
    if ((labels[r] < 0 || labels[r] >= classes) && result.bad_row < 0) result.bad_row = r;
    ++result.counted;
  }
  return result;
}

static HardTarget from_row(HardTarget target, int64_t row) {
  target.labels += row;
  return target;
}

template <class T>
void xent(Cpu&, const T* x, HardTarget target, accumulator_t<T>* loss, accumulator_t<T>* lse, int64_t rows,
          int64_t cols) {
  for_each_rows(rows, cols, [&](int64_t r, int64_t count) {
    with_isa([&]<Isa I>() { xent_rows<I>(x + r * cols, from_row(target, r), loss + r, lse + r, count, cols); });
  });
}

template <class T>
void xent_backward(Cpu&, const T* x, HardTarget target, const accumulator_t<T>* lse, const accumulator_t<T>* dy,
                   int64_t dy_step, double scale, T* dx, int64_t rows, int64_t cols) {
  for_each_rows(rows, cols, [&](int64_t r, int64_t count) {
    with_isa([&]<Isa I>() {
      xent_backward_rows<I>(x + r * cols, from_row(target, r), lse + r, dy + r * dy_step, dy_step,
                            accumulator_t<T>(scale), dx + r * cols, count, cols);
    });
  });
}

template <class T>
void soft_xent(Cpu&, const T* x, const T* target, accumulator_t<T>* loss, accumulator_t<T>* lse, accumulator_t<T>* mass,
               int64_t rows, int64_t cols) {
  for_each_rows(rows, cols, [&](int64_t r, int64_t count) {
    with_isa(
        [&]<Isa I>() { soft_xent_rows<I>(x + r * cols, target + r * cols, loss + r, lse + r, mass + r, count, cols); });
  });
}

template <class T>
void soft_xent_backward(Cpu&, const T* x, const T* target, const accumulator_t<T>* lse, const accumulator_t<T>* mass,
                        const accumulator_t<T>* dy, int64_t dy_step, double scale, T* dx, int64_t rows, int64_t cols) {
  for_each_rows(rows, cols, [&](int64_t r, int64_t count) {
    with_isa([&]<Isa I>() {
      soft_xent_backward_rows<I>(x + r * cols, target + r * cols, lse + r, mass + r, dy + r * dy_step, dy_step,
                                 accumulator_t<T>(scale), dx + r * cols, count, cols);
    });
  });
}

template <class T>
void distil_lse(Cpu&, Teacher<T> teacher, accumulator_t<T>* lse, int64_t cols) {
  for_each_rows(teacher.views * teacher.images, cols, [&](int64_t r, int64_t count) {
    with_isa([&]<Isa I>() { distil_lse_rows<I>(teacher, lse, r, count, cols); });
  });
}

template <class T>
void distil_xent(Cpu&, const T* x, double temperature, Teacher<T> teacher, accumulator_t<T>* loss,
                 accumulator_t<T>* lse, int64_t rows, int64_t cols) {
  for_each_rows(rows, cols, [&](int64_t r, int64_t count) {
    with_isa(
        [&]<Isa I>() { distil_xent_rows<I>(x, accumulator_t<T>(temperature), teacher, loss, lse, r, count, cols); });
  });
}

template <class T>
void distil_xent_backward(Cpu&, const T* x, double temperature, Teacher<T> teacher, const accumulator_t<T>* lse,
                          const accumulator_t<T>* dy, int64_t dy_step, double scale, T* dx, int64_t rows,
                          int64_t cols) {
  for_each_rows(rows, cols, [&](int64_t r, int64_t count) {
    with_isa([&]<Isa I>() {
      distil_xent_backward_rows<I>(x, accumulator_t<T>(temperature), teacher, lse, dy, dy_step, accumulator_t<T>(scale),
                                   dx, r, count, cols);
    });
  });
}

#define FOVEA_INSTANTIATE(T, Acc)                                                                                    \
  template void xent<T>(Cpu&, const T*, HardTarget, Acc*, Acc*, int64_t, int64_t);                                   \
  template void xent_backward<T>(Cpu&, const T*, HardTarget, const Acc*, const Acc*, int64_t, double, T*, int64_t,   \
                                 int64_t);                                                                           \
  template void soft_xent<T>(Cpu&, const T*, const T*, Acc*, Acc*, Acc*, int64_t, int64_t);                          \
  template void soft_xent_backward<T>(Cpu&, const T*, const T*, const Acc*, const Acc*, const Acc*, int64_t, double, \
                                      T*, int64_t, int64_t);                                                         \
  template void distil_lse<T>(Cpu&, Teacher<T>, Acc*, int64_t);                                                      \
  template void distil_xent<T>(Cpu&, const T*, double, Teacher<T>, Acc*, Acc*, int64_t, int64_t);                    \
  template void distil_xent_backward<T>(Cpu&, const T*, double, Teacher<T>, const Acc*, const Acc*, int64_t, double, \
                                        T*, int64_t, int64_t);
FOVEA_INSTANTIATE(float, float)
FOVEA_INSTANTIATE(double, double)
FOVEA_INSTANTIATE(bf16, float)

}  // namespace fovea::kernels
