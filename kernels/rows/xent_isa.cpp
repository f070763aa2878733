#include <fovea/kernels/base/softmax_isa.h>
#include <fovea/kernels/base/stores.h>
#include <fovea/kernels/rows/xent_isa.h>

namespace fovea::kernels {

// Rows are added up in blocks of so many columns, then the blocks: rounding grows with both, not with their product.
constexpr int64_t kBlock = 1024;

template <Isa I, class T>
void xent_rows(const T* x, HardTarget target, accumulator_t<T>* loss, accumulator_t<T>* lse, int64_t rows,
               int64_t cols) {
  using Acc = accumulator_t<T>;
  const Acc smoothing = Acc(target.smoothing);
  for (int64_t r = 0; r < rows; ++r, x += cols) {
    lse[r] = row_log_sum_exp(x, cols);
    if (target.labels[r] == target.ignored) {
      loss[r] = 0;
      continue;
    }
    Acc chosen = lse[r] - Acc(x[target.labels[r]]);
    if (smoothing > 0) {
      Acc all = 0;
#pragma omp simd reduction(+ : all)
      for (int64_t c = 0; c < cols; ++c) all += lse[r] - Acc(x[c]);
      chosen = (1 - smoothing) * chosen + smoothing * all / Acc(cols);
    }
    loss[r] = chosen;
  }
}

template <Isa I, class T>
void xent_backward_rows(const T* x, HardTarget target, const accumulator_t<T>* lse, const accumulator_t<T>* dy,
                        int64_t dy_step, accumulator_t<T> scale, T* dx, int64_t rows, int64_t cols) {
  using Acc = accumulator_t<T>;
  const Acc smoothing = Acc(target.smoothing), spread = smoothing / Acc(cols);
  for (int64_t r = 0; r < rows; ++r, x += cols, dx += cols) {
    if (target.labels[r] == target.ignored) {
      for (int64_t c = 0; c < cols; ++c) put(dx + c, Acc(0));
      continue;
    }
    Acc factor = scale * dy[r * dy_step], log_sum = lse[r];
    for (int64_t c = 0; c < cols; ++c) put(dx + c, factor * (math::exp(Acc(x[c]) - log_sum) - spread));
    int64_t label = target.labels[r];
    put(dx + label, factor * (math::exp(Acc(x[label]) - log_sum) - spread - (1 - smoothing)));
  }
}

template <Isa I, class T>
void soft_xent_rows(const T* x, const T* target, accumulator_t<T>* loss, accumulator_t<T>* lse, accumulator_t<T>* mass,
                    int64_t rows, int64_t cols) {
  using Acc = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, x += cols, target += cols) {
    const Acc log_sum = row_log_sum_exp(x, cols);
    Acc total = 0, total_weight = 0;
    for (int64_t begin = 0; begin < cols; begin += kBlock) {
      const int64_t end = begin + kBlock < cols ? begin + kBlock : cols;
      Acc sum = 0, weight = 0;
#pragma omp simd reduction(+ : sum, weight)
      for (int64_t c = begin; c < end; ++c) {
        sum += Acc(target[c]) * (log_sum - Acc(x[c]));
        weight += Acc(target[c]);
      }
      total += sum, total_weight += weight;
    }
    lse[r] = log_sum, loss[r] = total, mass[r] = total_weight;
  }
}

template <Isa I, class T>
void soft_xent_backward_rows(const T* x, const T* target, const accumulator_t<T>* lse, const accumulator_t<T>* mass,
                             const accumulator_t<T>* dy, int64_t dy_step, accumulator_t<T> scale, T* dx, int64_t rows,
                             int64_t cols) {
  using Acc = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, x += cols, target += cols, dx += cols) {
    Acc factor = scale * dy[r * dy_step], log_sum = lse[r], weight = mass[r];
    for (int64_t c = 0; c < cols; ++c) put(dx + c, factor * (weight * math::exp(Acc(x[c]) - log_sum) - Acc(target[c])));
  }
}

// What a teacher says of class c, before the softmax.
template <class T>
static inline accumulator_t<T> teacher_logit(const T* t, const accumulator_t<T>* centre, accumulator_t<T> sharpness,
                                             int64_t c) {
  using Acc = accumulator_t<T>;
  return (Acc(t[c]) - (centre ? centre[c] : Acc(0))) * sharpness;
}

template <Isa I, class T>
void distil_xent_rows(const T* x, accumulator_t<T> temperature, Teacher<T> teacher, accumulator_t<T>* loss,
                      accumulator_t<T>* lse, accumulator_t<T>* teacher_lse, int64_t rows, int64_t cols) {
  using Acc = accumulator_t<T>;
  const Acc *centre = teacher.centre, sharpness = 1 / Acc(teacher.temperature), scale = 1 / temperature;
  const T* t = teacher.logits;
  for (int64_t r = 0; r < rows; ++r, x += cols, t += cols) {
    Acc top = -Acc(INFINITY), teacher_top = top, sum = 0, teacher_sum = 0, cross = 0;
#pragma omp simd reduction(max : top, teacher_top)
    for (int64_t c = 0; c < cols; ++c) {
      Acc student = Acc(x[c]) * scale, other = teacher_logit(t, centre, sharpness, c);
      top = student > top ? student : top;
      teacher_top = other > teacher_top ? other : teacher_top;
    }
#pragma omp simd reduction(+ : sum, teacher_sum, cross)
    for (int64_t c = 0; c < cols; ++c) {
      Acc student = Acc(x[c]) * scale - top, weight = math::exp(teacher_logit(t, centre, sharpness, c) - teacher_top);
      sum += math::exp(student);
      teacher_sum += weight;
      cross += weight * student;
    }
    lse[r] = top + math::log(sum), teacher_lse[r] = teacher_top + math::log(teacher_sum);
    loss[r] = math::log(sum) - cross / teacher_sum;
  }
}

template <Isa I, class T>
void distil_xent_backward_rows(const T* x, accumulator_t<T> temperature, Teacher<T> teacher,
                               const accumulator_t<T>* lse, const accumulator_t<T>* teacher_lse,
                               const accumulator_t<T>* dy, int64_t dy_step, accumulator_t<T> scale, T* dx, int64_t rows,
                               int64_t cols) {
  using Acc = accumulator_t<T>;
  const Acc *centre = teacher.centre, sharpness = 1 / Acc(teacher.temperature), student_scale = 1 / temperature;
  const T* t = teacher.logits;
  for (int64_t r = 0; r < rows; ++r, x += cols, t += cols, dx += cols) {
    Acc factor = scale * dy[r * dy_step] * student_scale, own = lse[r], other = teacher_lse[r];
    for (int64_t c = 0; c < cols; ++c)
      put(dx + c, factor * (math::exp(Acc(x[c]) * student_scale - own) -
                            math::exp(teacher_logit(t, centre, sharpness, c) - other)));
  }
}

#define FOVEA_INSTANTIATE(T, Acc)                                                                                   \
  template void xent_rows<kIsa>(const T*, HardTarget, Acc*, Acc*, int64_t, int64_t);                                \
  template void xent_backward_rows<kIsa>(const T*, HardTarget, const Acc*, const Acc*, int64_t, Acc, T*, int64_t,   \
                                         int64_t);                                                                  \
  template void soft_xent_rows<kIsa>(const T*, const T*, Acc*, Acc*, Acc*, int64_t, int64_t);                       \
  template void soft_xent_backward_rows<kIsa>(const T*, const T*, const Acc*, const Acc*, const Acc*, int64_t, Acc, \
                                              T*, int64_t, int64_t);                                                \
  template void distil_xent_rows<kIsa>(const T*, Acc, Teacher<T>, Acc*, Acc*, Acc*, int64_t, int64_t);              \
  template void distil_xent_backward_rows<kIsa>(const T*, Acc, Teacher<T>, const Acc*, const Acc*, const Acc*,      \
                                                int64_t, Acc, T*, int64_t, int64_t);
FOVEA_INSTANTIATE(float, float)
FOVEA_INSTANTIATE(double, double)
FOVEA_INSTANTIATE(bf16, float)

}  // namespace fovea::kernels
