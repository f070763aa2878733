#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

namespace fovea::kernels {

// SwAV's codes: scores s [samples, prototypes] become Q_bk = samples u_k v_b exp(s_bk / epsilon), with u and v such
// that all prototypes have the same mass and all samples the same: the Sinkhorn-Knopp iteration, prototypes first, so
// that each sample's code sums to 1 and the prototypes' masses approach samples / prototypes.
struct Sinkhorn {
  int64_t samples, prototypes;
  double epsilon;  // above 0
  int iterations;  // at least 1
  int64_t coded;   // the first samples, at most all, whose codes are wanted; at least 1 where there are samples
};

// Codes are [coded, prototypes]. Meant for cosines: a sample whose prototypes all lost their mass to others, by more
// than 80 epsilon, gets no code. Exponentials are taken relative to each sample's largest score. The CPU makes them
// once, in the codes' memory (f32 and f64 if all are coded) or in scratch, and reads them once an iteration, those of
// coded samples alone in the last; a device keeps u [prototypes] and v [samples] alone, and reads s twice an iteration.
template <class T>
void sinkhorn(Cpu&, const Sinkhorn& shape, const T* scores, T* codes);
template <class T>
void sinkhorn(Cuda&, const Sinkhorn& shape, const T* scores, T* codes);

}  // namespace fovea::kernels
