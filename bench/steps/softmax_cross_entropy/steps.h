#pragma once

#include <cstdint>

#include <fovea/kernels/context.h>

// How softmax cross entropy comes to read its logits once. Every step computes loss[r] = lse(x_r) - x_r,label and
// dx = softmax(x) - one_hot(label) for x [rows, cols]; docs/kernels.md walks through them to kernels/rows/xent.cu.
namespace fovea::steps {

using kernels::Cuda;

// `probabilities` [rows, cols] is written by step 2 alone; lse [rows] by the later ones.
void xent_thread_a_row(Cuda&, int rows, int cols, const float* x, const int64_t* labels, float* loss, float* dx);
void xent_written(Cuda&, int rows, int cols, const float* x, const int64_t* labels, float* loss, float* probabilities,
                  float* dx);
void xent_two_reads(Cuda&, int rows, int cols, const float* x, const int64_t* labels, float* loss, float* lse,
                    float* dx);
void xent_online(Cuda&, int rows, int cols, const float* x, const int64_t* labels, float* loss, float* lse, float* dx);

}  // namespace fovea::steps
