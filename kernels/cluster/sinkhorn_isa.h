#pragma once

// Private to kernels/: the loops of sinkhorn.cpp over a row's prototypes.
#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/isa.h>

namespace fovea::kernels {

// mass_k = exp((score_k - largest) sharpness); returns the largest score.
template <Isa I, class T>
accumulator_t<T> sinkhorn_masses(const T* scores, int64_t prototypes, accumulator_t<T> sharpness,
                                 accumulator_t<T>* mass);

// sum_k mass_k u_k
template <Isa I, class Acc>
Acc sinkhorn_row(const Acc* mass, const Acc* u, int64_t prototypes);

// sums_k += mass_k v
template <Isa I, class Acc>
void sinkhorn_columns(const Acc* mass, Acc v, int64_t prototypes, Acc* sums);

// code_k = mass_k u_k scale. The codes may lie where the masses do.
template <Isa I, class T>
void sinkhorn_code(const accumulator_t<T>* mass, const accumulator_t<T>* u, accumulator_t<T> scale, int64_t prototypes,
                   T* code);

}  // namespace fovea::kernels
