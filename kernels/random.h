#pragma once

#include <cstdint>

#include <fovea/kernels/context.h>
#include <fovea/kernels/host_device.h>

namespace fovea::kernels {

// Four 32-bit words of counter-based random numbers: Philox 4x32-10 (Salmon et al., 2011, "Parallel random numbers: as
// easy as 1, 2, 3"). A pure function of key and counter: every device and any number of threads draw the same numbers.
struct Philox4 {
  uint32_t word[4];
};

FOVEA_HD inline Philox4 philox(uint64_t key, uint64_t counter, uint64_t stream = 0) {
  uint32_t c0 = uint32_t(counter), c1 = uint32_t(counter >> 32), c2 = uint32_t(stream), c3 = uint32_t(stream >> 32);
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = uint64_t(0xD2511F53u) * c0, p1 = uint64_t(0xCD9E8D57u) * c2;
    uint32_t n0 = uint32_t(p1 >> 32) ^ c1 ^ k0, n2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
    c0 = n0, c1 = uint32_t(p1), c2 = n2, c3 = uint32_t(p0);
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// A word as a float in [0, 1) with 24 random bits.
FOVEA_HD inline float uniform_from(uint32_t word) {
  return float(word >> 8) * (1.0f / 16777216.0f);
}

// Where the random numbers of an op begin: at counter `offset` of the key `seed`. In a step that is recorded as a graph
// (graph.h) the offset counts from `base`, a place in the device's memory that moves on with each replay, and `seed` is
// not looked at. Kernels ask place() which counter and key that is.
struct RandomState {
  uint64_t seed = 0, offset = 0;
  const RandomState* base = nullptr;
  FOVEA_HD RandomState place() const { return base ? RandomState{base->seed, base->offset + offset} : *this; }
};

// x[i] = uniform in [low, high); element i uses word i % 4 of counter i / 4 from the state's place on.       writes n
void fill_uniform(Cpu&, float* x, int64_t n, float low, float high, const RandomState& state);
void fill_uniform(Cuda&, float* x, int64_t n, float low, float high, const RandomState& state);

// x[i] = normal(mean, std) by Box-Muller over word pairs (0,1) and (2,3) of counter i / 4.       writes n
void fill_normal(Cpu&, float* x, int64_t n, float mean, float std, const RandomState& state);
void fill_normal(Cuda&, float* x, int64_t n, float mean, float std, const RandomState& state);

// mask[i] = 1 with probability keep, else 0: uniform of element i < keep.       writes n
void fill_bernoulli(Cpu&, uint8_t* mask, int64_t n, float keep, const RandomState& state);
void fill_bernoulli(Cuda&, uint8_t* mask, int64_t n, float keep, const RandomState& state);

}  // namespace fovea::kernels
