// Softmax cross entropy in one pass over the logits each way.
//
//   forward   loss_r = lse(x_r) - sum_c target_rc x_rc     reads x (and the targets), writes 8 to 12 bytes a row
//   backward  dx_rc = g_r (softmax(x_r)_c - target_rc)     reads x (and the targets), writes dx
//
// Forward keeps a running maximum m: with it, s = sum exp(x - m) and d = sum t (x - m) are rescaled whenever a pack of
// logits raises m (online log-sum-exp), so that a row of any length is read once. The threads of a row, 8, 32 or a
// block of 512 by its length, meet once at its end. Backward has nothing to reduce: it runs through the matrix as one
// long array in 16-byte packs, whatever the number of columns, and loads a row's constants when it enters the row.
// Targets are labels, a matrix of weights, or the softmaxes of a teacher's logits, of which only the log-sum-exp is kept.
#include <cmath>
#include <limits>

#include <fovea/kernels/copy.h>
#include <fovea/kernels/xent.h>
#include <fovea/kernels/base/cuda_utils.cuh>

namespace fovea::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kRounds = 4;  // packs of a thread in backward

// Below every logit, and finite: differences of tops are never NaN.
constexpr float kLowest = -std::numeric_limits<float>::max() / 2;

// A row as far as one thread, or all, have seen it.
struct RowState {
  float top = kLowest;  // max v
  float sum = 0;        // sum exp(v - top)
  float mass = 0;       // sum of the targets t
  float cross = 0;      // sum t (v - top)

  __device__ void raise(float value) {
    if (!(value > top)) return;
    sum *= __expf(top - value);
    cross += mass * (top - value);
    top = value;
  }
};

template <int N>
__device__ float largest(const float (&v)[N]) {
  float top = v[0];
#pragma unroll
  for (int i = 1; i < N; ++i) top = fmaxf(top, v[i]);
  return top;
}

template <int N, class T>
__device__ void load_floats(const T* p, float (&v)[N]) {
  Pack<T, N> pack = load_pack<N>(p);
#pragma unroll
  for (int i = 0; i < N; ++i) v[i] = to_float(pack[i]);
}

// The kinds of targets. place() finds row r's; logits() makes of N elements, from column c on, what the softmax is of;
// add() takes them;
// finish() makes the row's results; enter() loads what backward needs of a row, slopes() gives N gradients.
struct AsTheyAre {
  __device__ int64_t place(int64_t r) const { return r; }
  template <int N>
  __device__ void logits(int64_t, float (&)[N]) const {}
};

template <class T>
struct HardLabels : AsTheyAre {
  HardTarget target;
  int64_t cols;

  template <int N>
  __device__ void add(RowState& row, int64_t, int64_t, const float (&v)[N]) const {
    if (target.smoothing == 0) return;
    row.mass += N;
#pragma unroll
    for (int i = 0; i < N; ++i) row.cross += v[i] - row.top;
  }
  __device__ float finish(const RowState& row, const T* x, int64_t r, float*) const {
    int64_t label = target.labels[r];
    if (label == target.ignored) return 0;
    float smoothing = float(target.smoothing), log_sum = logf(row.sum);
    float chosen = log_sum + (row.top - to_float(x[r * cols + label]));
    return smoothing > 0 ? (1 - smoothing) * chosen + smoothing * (log_sum - row.cross / row.mass) : chosen;
  }

  struct Row {
    float factor, lse;
    int64_t label;
    bool ignored;
  };
  __device__ Row enter(int64_t r, float factor, const float* lse, const float*) const {
    int64_t label = target.labels[r];
    return {factor, lse[r], label, label == target.ignored};
  }
  template <int N>
  __device__ void slopes(const Row& row, int64_t, int64_t c, float (&v)[N]) const {
    float spread = float(target.smoothing) / float(cols), chosen = 1 - float(target.smoothing);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      float slope = __expf(v[i] - row.lse) - spread - (c + i == row.label ? chosen : 0);
      v[i] = row.ignored ? 0 : row.factor * slope;
    }
  }
};

template <class T>
struct SoftTargets : AsTheyAre {
  const T* target;
  int64_t cols;

  template <int N>
  __device__ void add(RowState& row, int64_t r, int64_t c, const float (&v)[N]) const {
    float t[N];
    load_floats(target + r * cols + c, t);
#pragma unroll
    for (int i = 0; i < N; ++i) row.mass += t[i], row.cross += t[i] * (v[i] - row.top);
  }
  __device__ float finish(const RowState& row, const T*, int64_t r, float* mass) const {
    mass[r] = row.mass;
    return row.mass * logf(row.sum) - row.cross;
  }

  struct Row {
    float factor, lse, mass;
  };
  __device__ Row enter(int64_t r, float factor, const float* lse, const float* mass) const {
    return {factor, lse[r], mass[r]};
  }
  template <int N>
  __device__ void slopes(const Row& row, int64_t r, int64_t c, float (&v)[N]) const {
    float t[N];
    load_floats(target + r * cols + c, t);
#pragma unroll
    for (int i = 0; i < N; ++i) v[i] = row.factor * (row.mass * __expf(v[i] - row.lse) - t[i]);
  }
};

// A teacher's logits, centred and sharpened, of which only the log-sum-exp is wanted.
template <class T>
struct TeacherRows {
  const float* centre;
  float sharpness;  // the inverse of the teacher's temperature
  bool centre_packs;

  __device__ int64_t place(int64_t r) const { return r; }
  template <int N>
  __device__ void logits(int64_t c, float (&u)[N]) const {
    if (centre) {
      if (N >= 4 && centre_packs) {
#pragma unroll
        for (int i = 0; i < N; i += 4) {
          auto part = load_pack<(N < 4 ? 1 : 4)>(centre + c + i);
#pragma unroll
          for (int j = 0; j < 4 && i + j < N; ++j) u[i + j] -= part[j];
        }
      } else {
#pragma unroll
        for (int i = 0; i < N; ++i) u[i] -= centre[c + i];
      }
    }
#pragma unroll
    for (int i = 0; i < N; ++i) u[i] *= sharpness;
  }
  template <int N>
  __device__ void add(RowState&, int64_t, int64_t, const float (&)[N]) const {}
  __device__ float finish(const RowState& row, const T*, int64_t, float*) const {
    return row.top + logf(row.sum);
  }
};

template <class T>
struct TeacherTargets {
  Teacher<T> teacher;
  TeacherRows<T> rows;
  float scale;  // the inverse of the student's temperature
  int64_t cols;

  struct Place {
    int64_t view, image;
  };
  __device__ Place place(int64_t r) const { return {r / teacher.images, r % teacher.images}; }
  template <int N>
  __device__ void logits(int64_t, float (&v)[N]) const {
#pragma unroll
    for (int i = 0; i < N; ++i) v[i] *= scale;
  }
  // Calls take(t) with the targets of columns c, c + 1, ... of each row that row r meets.
  template <int N, class Take>
  __device__ void each(const Place& row, int64_t c, Take&& take) const {
    for (int64_t view = 0; view < teacher.views; ++view) {
      if (view == row.view && !teacher.same_view) continue;
      const int64_t other = view * teacher.images + row.image;
      float t[N];
      load_floats(teacher.logits + other * cols + c, t);
      rows.template logits<N>(c, t);
      const float lse = teacher.lse[other];
#pragma unroll
      for (int i = 0; i < N; ++i) t[i] = __expf(t[i] - lse);
      take(t);
    }
  }
  template <int N>
  __device__ void add(RowState& row, const Place& at, int64_t c, const float (&v)[N]) const {
    each<N>(at, c, [&](const float(&t)[N]) {
#pragma unroll
      for (int i = 0; i < N; ++i) row.mass += t[i], row.cross += t[i] * (v[i] - row.top);
    });
  }
  __device__ float finish(const RowState& row, const T*, int64_t, float*) const {
    return row.mass * logf(row.sum) - row.cross;
  }

  struct Row {
    float factor, lse, met;  // met: how many targets
    Place place;
  };
  __device__ Row enter(int64_t r, float factor, const float* lse, const float*) const {
    const Place at = place(r);
    const bool meets_all = teacher.same_view || at.view >= teacher.views;
    return {factor * scale, lse[r], float(teacher.views - (meets_all ? 0 : 1)), at};
  }
  template <int N>
  __device__ void slopes(const Row& row, int64_t, int64_t c, float (&v)[N]) const {
#pragma unroll
    for (int i = 0; i < N; ++i) v[i] = row.met * __expf(v[i] - row.lse);
    each<N>(row.place, c, [&](const float(&t)[N]) {
#pragma unroll
      for (int i = 0; i < N; ++i) v[i] -= t[i];
    });
#pragma unroll
    for (int i = 0; i < N; ++i) v[i] *= row.factor;
  }
};

// The combination of the values of kGroup neighbouring threads, in all of them.
template <int kGroup, class Combine = SumOf>
__device__ float group_reduce(float v, float* shared, Combine combine = {}) {
  if constexpr (kGroup > kWarp) {
    return block_reduce<kGroup>(v, shared, combine);
  } else {
#pragma unroll
    for (int offset = kGroup / 2; offset > 0; offset /= 2) v = combine(v, __shfl_xor_sync(kAllLanes, v, offset));
    return v;
  }
}

// kGroup threads a row. `packs`: 16-byte reads from the row's first aligned element on, the same one in the targets.
template <int kGroup, class T, class Target>
__global__ void __launch_bounds__(kGroup > kThreads ? kGroup : kThreads, 2)
    xent_kernel(const T* x, Target target, float* loss, float* lse, float* second, int64_t rows, int64_t cols,
                bool packs) {
  __shared__ float shared[4][kWarp];
  constexpr int N = kPack<T>;
  int64_t r = (blockIdx.x * int64_t(blockDim.x) + threadIdx.x) / kGroup;
  int lane = threadIdx.x % kGroup;
  bool inside = r < rows;
  RowState row;
  if (inside) {
    const T* mine = x + r * cols;
    const auto place = target.place(r);
    auto take = [&]<int M>(int64_t c) {
      float v[M];
      load_floats(mine + c, v);
      target.template logits<M>(c, v);
      row.raise(largest(v));
#pragma unroll
      for (int i = 0; i < M; ++i) row.sum += __expf(v[i] - row.top);
      target.template add<M>(row, place, c, v);
    };
    int64_t behind = int64_t(reinterpret_cast<uintptr_t>(mine) % 16 / sizeof(T));
    int64_t head = packs ? min(cols, (N - behind) % N) : cols, tail = head + (cols - head) / N * N;
    for (int64_t c = lane; c < head; c += kGroup) take.template operator()<1>(c);
#pragma unroll 4
    for (int64_t c = head + lane * N; c < tail; c += kGroup * N) take.template operator()<N>(c);
    for (int64_t c = tail + lane; c < cols; c += kGroup) take.template operator()<1>(c);
  }
  row.raise(group_reduce<kGroup>(row.top, shared[0], MaxOf{}));
  row.sum = group_reduce<kGroup>(row.sum, shared[1]);
  row.mass = group_reduce<kGroup>(row.mass, shared[2]);
  row.cross = group_reduce<kGroup>(row.cross, shared[3]);
  if (!inside || lane != 0) return;
  if (lse) lse[r] = row.top + logf(row.sum);
  loss[r] = target.finish(row, x, r, second);
}

// N elements at once, kRounds times; a pack may reach into the next row.
template <int N, class T, class Target>
__global__ void __launch_bounds__(kThreads)
    xent_backward_kernel(const T* x, Target target, const float* lse, const float* second, const float* dy,
                         int64_t dy_step, float scale, T* dx, int64_t rows, int64_t cols) {
  int64_t first = int64_t(blockIdx.x) * (kThreads * kRounds * N), left = rows * cols - first;
  int64_t top_row = first / cols, entered = -1;
  uint32_t top_col = uint32_t(first - top_row * cols), width = uint32_t(cols);
  typename Target::Row row;
  const float common = dy_step == 0 ? *dy : 0;
  auto enter = [&](int64_t r) {
    if (r == entered) return;
    row = target.enter(r, scale * (dy_step == 0 ? common : dy[r * dy_step]), lse, second);
    entered = r;
  };
#pragma unroll
  for (int round = 0; round < kRounds; ++round) {
    uint32_t local = (round * kThreads + threadIdx.x) * N;
    if (local >= left) return;
    uint32_t c = top_col + local, below = c / width;
    int64_t r = top_row + below;
    c -= below * width;
    enter(r);
    if (c + N <= width) {
      float v[N];
      load_floats(x + first + local, v);
      target.template logits<N>(c, v);
      target.template slopes<N>(row, r, c, v);
      Pack<T, N> pack;
#pragma unroll
      for (int i = 0; i < N; ++i) pack[i] = from_float<T>(v[i]);
      store_pack(dx + first + local, pack);
    } else {
      for (int i = 0; i < N && local + i < left; ++i, ++c) {
        if (c == width) c = 0, ++r;
        enter(r);
        float v[1] = {to_float(x[first + local + i])};
        target.template logits<1>(c, v);
        target.template slopes<1>(row, r, c, v);
        dx[first + local + i] = from_float<T>(v[0]);
      }
    }
  }
}

template <class T, class Target>
void forward(Cuda& ctx, const T* x, const Target& target, bool packs, float* loss, float* lse, float* second,
             int64_t rows, int64_t cols) {
  auto run = [&]<int kGroup>() {
    constexpr int kBlock = kGroup > kThreads ? kGroup : kThreads;
    launch(ctx, xent_kernel<kGroup, T, Target>, unsigned(ceil_div<int64_t>(rows, kBlock / kGroup)), kBlock, 0, x,
           target, loss, lse, second, rows, cols, packs);
  };
  if (cols <= 64)
    run.template operator()<8>();
  else if (cols <= 2048)
    run.template operator()<kWarp>();
  else
    run.template operator()<512>();
}

template <class T, class Target>
void backward(Cuda& ctx, const T* x, const Target& target, bool packs, const float* lse, const float* second,
              const float* dy, int64_t dy_step, double scale, T* dx, int64_t rows, int64_t cols) {
  auto run = [&]<int N>() {
    launch(ctx, xent_backward_kernel<N, T, Target>, unsigned(ceil_div<int64_t>(rows * cols, kThreads * kRounds * N)),
           kThreads, 0, x, target, lse, second, dy, dy_step, float(scale), dx, rows, cols);
  };
  if (packs)
    run.template operator()<kPack<T>>();
  else
    run.template operator()<1>();
}

// Whether all start at the same place within 16 bytes (`aligned`: at its beginning).
template <class... Pointers>
bool in_step(bool aligned, const void* first, const Pointers*... others) {
  auto place = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16; };
  return ((place(others) == place(first)) && ...) && (!aligned || place(first) == 0);
}

template <class T>
TeacherRows<T> teacher_rows(const Teacher<T>& teacher, int64_t cols) {
  return {teacher.centre, float(1 / teacher.temperature),
          cols % kPack<T> == 0 && in_step(true, teacher.logits, teacher.centre)};
}

// Rows of teacher and student start at the same place within 16 bytes if they are as long, or if they meet row by row.
template <class T>
bool rows_in_step(const Teacher<T>& teacher, int64_t cols) {
  return cols % kPack<T> == 0 || (teacher.same_view && teacher.views == 1);
}

}  // namespace

template <class T>
void xent(Cuda& ctx, const T* x, HardTarget target, accumulator_t<T>* loss, accumulator_t<T>* lse, int64_t rows,
          int64_t cols) {
  forward(ctx, x, HardLabels<T>{{}, target, cols}, true, loss, lse, nullptr, rows, cols);
}
template <class T>
void xent_backward(Cuda& ctx, const T* x, HardTarget target, const accumulator_t<T>* lse, const accumulator_t<T>* dy,
                   int64_t dy_step, double scale, T* dx, int64_t rows, int64_t cols) {
  backward(ctx, x, HardLabels<T>{{}, target, cols}, in_step(true, x, dx), lse, nullptr, dy, dy_step, scale, dx, rows,
           cols);
}

template <class T>
void soft_xent(Cuda& ctx, const T* x, const T* target, accumulator_t<T>* loss, accumulator_t<T>* lse,
               accumulator_t<T>* mass, int64_t rows, int64_t cols) {
  forward(ctx, x, SoftTargets<T>{{}, target, cols}, in_step(false, x, target), loss, lse, mass, rows, cols);
}
template <class T>
void soft_xent_backward(Cuda& ctx, const T* x, const T* target, const accumulator_t<T>* lse,
                        const accumulator_t<T>* mass, const accumulator_t<T>* dy, int64_t dy_step, double scale, T* dx,
                        int64_t rows, int64_t cols) {
  backward(ctx, x, SoftTargets<T>{{}, target, cols}, in_step(true, x, target, dx), lse, mass, dy, dy_step, scale, dx,
           rows, cols);
}

template <class T>
void distil_lse(Cuda& ctx, Teacher<T> teacher, accumulator_t<T>* lse, int64_t cols) {
  forward(ctx, teacher.logits, teacher_rows(teacher, cols), true, lse, nullptr, nullptr, teacher.views * teacher.images,
          cols);
}
template <class T>
void distil_xent(Cuda& ctx, const T* x, double temperature, Teacher<T> teacher, accumulator_t<T>* loss,
                 accumulator_t<T>* lse, int64_t rows, int64_t cols) {
  forward(ctx, x, TeacherTargets<T>{teacher, teacher_rows(teacher, cols), float(1 / temperature), cols},
          in_step(false, x, teacher.logits) && rows_in_step(teacher, cols), loss, lse, nullptr, rows, cols);
}
template <class T>
void distil_xent_backward(Cuda& ctx, const T* x, double temperature, Teacher<T> teacher, const accumulator_t<T>* lse,
                          const accumulator_t<T>* dy, int64_t dy_step, double scale, T* dx, int64_t rows,
                          int64_t cols) {
  backward(ctx, x, TeacherTargets<T>{teacher, teacher_rows(teacher, cols), float(1 / temperature), cols},
           in_step(true, x, teacher.logits, dx) && rows_in_step(teacher, cols), lse, nullptr, dy, dy_step, scale, dx,
           rows, cols);
}

#define FOVEA_INSTANTIATE(T)                                                                                        \
  template void xent<T>(Cuda&, const T*, HardTarget, float*, float*, int64_t, int64_t);                             \
  template void xent_backward<T>(Cuda&, const T*, HardTarget, const float*, const float*, int64_t, double, T*,      \
                                 int64_t, int64_t);                                                                 \
  template void soft_xent<T>(Cuda&, const T*, const T*, float*, float*, float*, int64_t, int64_t);                  \
  template void soft_xent_backward<T>(Cuda&, const T*, const T*, const float*, const float*, const float*, int64_t, \
                                      double, T*, int64_t, int64_t);                                                \
  template void distil_lse<T>(Cuda&, Teacher<T>, float*, int64_t);                                                  \
  template void distil_xent<T>(Cuda&, const T*, double, Teacher<T>, float*, float*, int64_t, int64_t);              \
  template void distil_xent_backward<T>(Cuda&, const T*, double, Teacher<T>, const float*, const float*, int64_t,   \
                                        double, T*, int64_t, int64_t);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
