#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

namespace fovea::kernels {

// SwAV's codes: scores s [samples, prototypes] become Q_bk = samples u_k v_b exp(s_bk / epsilon), with u and v such
// that all prototypes have the same mass and all samples the same: the Sinkhorn-Knopp iteration, prototypes first, so
// that each sample's code sums to 1 and the prototypes' masses approach samples / prototypes. Samples are the batch,
// whose codes are wanted, and those that wait in a queue.
struct Sinkhorn {
  int64_t batch, waiting, prototypes;  // batch: at least 1
  double epsilon;                      // above 0
  int iterations;                      // at least 1
  int64_t samples() const { return batch + waiting; }
};

// scores and codes [batch, prototypes], queued [waiting, prototypes]. Meant for cosines: a sample whose prototypes all
// lost their mass to others, by more than 80 epsilon, gets no code. Exponentials are taken relative to each sample's
// largest score. The CPU makes them once, in scratch, those of the batch in the codes' memory (f32 and f64), and reads
// them once an iteration, the batch's alone in the last; a device keeps u [prototypes] and v [samples] alone, and reads
// s twice an iteration.
template <class T>
void sinkhorn(Cpu&, const Sinkhorn& shape, const T* scores, const T* queued, T* codes);
template <class T>
void sinkhorn(Cuda&, const Sinkhorn& shape, const T* scores, const T* queued, T* codes);

}  // namespace fovea::kernels
