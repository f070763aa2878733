// Uniform, normal and 0/1 random numbers: four elements from each Philox counter, the same words as on the CPU. Written
// once, 16 bytes (4 for masks) a thread.
#include <fovea/kernels/random.h>
#include <fovea/kernels/base/for_each.cuh>

namespace fovea::kernels {

struct UniformOf {
  float low, high;
  __device__ Values<float, 4> operator()(Philox4 r) const {
    Values<float, 4> out;
#pragma unroll
    for (int k = 0; k < 4; ++k) out[k] = low + (high - low) * uniform_from(r.word[k]);
    return out;
  }
};
struct NormalOf {
  float mean, std;
  __device__ Values<float, 4> operator()(Philox4 r) const {
    Values<float, 4> out;
#pragma unroll
    for (int k = 0; k < 4; k += 2) {
      const float radius = sqrtf(-2.0f * logf(1.0f - uniform_from(r.word[k])));
      float sine, cosine;
      sincospif(2.0f * uniform_from(r.word[k + 1]), &sine, &cosine);
      out[k] = mean + std * (radius * cosine);
      out[k + 1] = mean + std * (radius * sine);
    }
    return out;
  }
};
struct BernoulliOf {
  float keep;
  __device__ Values<uint8_t, 4> operator()(Philox4 r) const {
    Values<uint8_t, 4> out;
#pragma unroll
    for (int k = 0; k < 4; ++k) out[k] = uniform_from(r.word[k]) < keep;
    return out;
  }
};

template <class Draw, class T>
struct FillBody {
  static constexpr int kN = 4;
  Draw draw;
  T* x;
  RandomState state;
  template <int N>
  __device__ void run(int64_t i) const {
    const RandomState from = state.place();
    const auto values = draw(philox(from.seed, from.offset + uint64_t(i) / 4));
    if constexpr (N == 4) {
      store_values(x + i, values);
    } else {
      const int k = int(i % 4);
      x[i] = k == 0 ? values[0] : k == 1 ? values[1] : k == 2 ? values[2] : values[3];
    }
  }
};
template <class Draw, class T>
static void fill_with(Cuda& ctx, Draw draw, T* x, int64_t n, const RandomState& state) {
  for_each(ctx, FillBody<Draw, T>{draw, x, state}, n, is_aligned<4>(x));
}

void fill_uniform(Cuda& ctx, float* x, int64_t n, float low, float high, const RandomState& state) {
  fill_with(ctx, UniformOf{low, high}, x, n, state);
}
void fill_normal(Cuda& ctx, float* x, int64_t n, float mean, float std, const RandomState& state) {
  fill_with(ctx, NormalOf{mean, std}, x, n, state);
}
void fill_bernoulli(Cuda& ctx, uint8_t* mask, int64_t n, float keep, const RandomState& state) {
  fill_with(ctx, BernoulliOf{keep}, mask, n, state);
}

}  // namespace fovea::kernels
