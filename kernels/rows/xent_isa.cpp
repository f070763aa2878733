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

// What a teacher says of columns begin, begin + 1, ... of one of its rows, before the softmax.
template <class T>
static inline void teacher_logits(const Teacher<T>& teacher, int64_t row, int64_t begin, int64_t count, int64_t cols,
                                  accumulator_t<T>* out) {
  using Acc = accumulator_t<T>;
  const Acc sharpness = 1 / Acc(teacher.temperature);
  const T* t = teacher.logits + row * cols + begin;
  if (teacher.centre) {
    const Acc* centre = teacher.centre + begin;
#pragma omp simd
    for (int64_t c = 0; c < count; ++c) out[c] = (Acc(t[c]) - centre[c]) * sharpness;
  } else {
#pragma omp simd
    for (int64_t c = 0; c < count; ++c) out[c] = Acc(t[c]) * sharpness;
  }
}

// The sum of the targets that a row of the student meets, of columns begin, begin + 1, ..., and their number.
template <class T>
static inline int64_t targets(const Teacher<T>& teacher, int64_t row, int64_t begin, int64_t count, int64_t cols,
                              accumulator_t<T>* out) {
  using Acc = accumulator_t<T>;
  const int64_t own = row / teacher.images, image = row % teacher.images;
  Acc logits[kBlock];
  int64_t met = 0;
  for (int64_t c = 0; c < count; ++c) out[c] = 0;
  for (int64_t view = 0; view < teacher.views; ++view) {
    if (view == own && !teacher.same_view) continue;
    const int64_t other = view * teacher.images + image;
    teacher_logits(teacher, other, begin, count, cols, logits);
    const Acc log_sum = teacher.lse[other];
#pragma omp simd
    for (int64_t c = 0; c < count; ++c) out[c] += math::exp(logits[c] - log_sum);
    ++met;
  }
  return met;
}

// Calls body(begin, count) for blocks of columns.
template <class F>
static inline void for_each_block(int64_t cols, F&& body) {
  for (int64_t begin = 0; begin < cols; begin += kBlock) body(begin, begin + kBlock < cols ? kBlock : cols - begin);
}

template <Isa I, class T>
void distil_lse_rows(Teacher<T> teacher, accumulator_t<T>* lse, int64_t first, int64_t rows, int64_t cols) {
  using Acc = accumulator_t<T>;
  Acc logits[kBlock];
  for (int64_t r = first; r < first + rows; ++r) {
    Acc top = -Acc(INFINITY), sum = 0;
    for_each_block(cols, [&](int64_t begin, int64_t count) {
      teacher_logits(teacher, r, begin, count, cols, logits);
      const Acc block_top = row_max(logits, count);
      if (block_top > top) sum *= math::exp(top - block_top), top = block_top;
      sum += row_sum_exp(logits, count, top);
    });
    lse[r] = top + math::log(sum);
  }
}

template <Isa I, class T>
void distil_xent_rows(const T* x, accumulator_t<T> temperature, Teacher<T> teacher, accumulator_t<T>* loss,
                      accumulator_t<T>* lse, int64_t first, int64_t rows, int64_t cols) {
  using Acc = accumulator_t<T>;
  const Acc scale = 1 / temperature;
  Acc target[kBlock];
  for (int64_t r = first; r < first + rows; ++r) {
    const T* mine = x + r * cols;
    const Acc top = row_max(mine, cols) * scale;
    Acc sum = 0, cross = 0;
    int64_t met = 0;
    for_each_block(cols, [&](int64_t begin, int64_t count) {
      met = targets(teacher, r, begin, count, cols, target);
      Acc block_sum = 0, block_cross = 0;
#pragma omp simd reduction(+ : block_sum, block_cross)
      for (int64_t c = 0; c < count; ++c) {
        const Acc student = Acc(mine[begin + c]) * scale - top;
        block_sum += math::exp(student);
        block_cross += target[c] * student;
      }
      sum += block_sum, cross += block_cross;
    });
    lse[r] = top + math::log(sum);
    loss[r] = Acc(met) * math::log(sum) - cross;
  }
}

template <Isa I, class T>
void distil_xent_backward_rows(const T* x, accumulator_t<T> temperature, Teacher<T> teacher,
                               const accumulator_t<T>* lse, const accumulator_t<T>* dy, int64_t dy_step,
                               accumulator_t<T> scale, T* dx, int64_t first, int64_t rows, int64_t cols) {
  using Acc = accumulator_t<T>;
  const Acc student_scale = 1 / temperature;
  Acc target[kBlock];
  for (int64_t r = first; r < first + rows; ++r) {
    const Acc factor = scale * dy[r * dy_step] * student_scale, own = lse[r];
    for_each_block(cols, [&](int64_t begin, int64_t count) {
      const Acc met = Acc(targets(teacher, r, begin, count, cols, target));
      const T* mine = x + r * cols + begin;
      T* out = dx + r * cols + begin;
      for (int64_t c = 0; c < count; ++c)
        put(out + c, factor * (met * math::exp(Acc(mine[c]) * student_scale - own) - target[c]));
    });
  }
}

#define FOVEA_INSTANTIATE(T, Acc)                                                                                    \
  template void xent_rows<kIsa>(const T*, HardTarget, Acc*, Acc*, int64_t, int64_t);                                 \
  template void xent_backward_rows<kIsa>(const T*, HardTarget, const Acc*, const Acc*, int64_t, Acc, T*, int64_t,    \
                                         int64_t);                                                                   \
  template void soft_xent_rows<kIsa>(const T*, const T*, Acc*, Acc*, Acc*, int64_t, int64_t);                        \
  template void soft_xent_backward_rows<kIsa>(const T*, const T*, const Acc*, const Acc*, const Acc*, int64_t, Acc,  \
                                              T*, int64_t, int64_t);                                                 \
  template void distil_lse_rows<kIsa>(Teacher<T>, Acc*, int64_t, int64_t, int64_t);                                  \
  template void distil_xent_rows<kIsa>(const T*, Acc, Teacher<T>, Acc*, Acc*, int64_t, int64_t, int64_t);            \
  template void distil_xent_backward_rows<kIsa>(const T*, Acc, Teacher<T>, const Acc*, const Acc*, int64_t, Acc, T*, \
                                                int64_t, int64_t, int64_t);
FOVEA_INSTANTIATE(float, float)
FOVEA_INSTANTIATE(double, double)
FOVEA_INSTANTIATE(bf16, float)

}  // namespace fovea::kernels
