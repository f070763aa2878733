#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

// Schedules: pure functions of the step (from 0) or the epoch, for learning rates, momenta, temperatures, decays.
namespace fovea::nn {

// Straight from `begin` at step 0 to `end` at step steps - 1, then `end`. By epoch, over the warm-up epochs, this is
// the teacher temperature of DINO and iBOT; by iteration that of DINOv2.
inline double linear_ramp(int64_t step, int64_t steps, double begin, double end) {
  if (steps <= 1 || step >= steps - 1) return end;
  return begin + (end - begin) * double(step) / double(steps - 1);
}

// Half a cosine from `begin` at step 0 to `end`, reached exactly at step steps - 1. lightly's cosine_schedule.
inline double cosine_ramp(int64_t step, int64_t steps, double begin, double end) {
  if (steps <= 1 || step >= steps - 1) return end;
  return end - (end - begin) * (std::cos(std::numbers::pi * double(step) / double(steps - 1)) + 1) / 2;
}

struct WarmupCosineOptions {
  int64_t warmup = 0;  // steps; the last of them is at the peak
  double start = 0;    // where the warm-up comes from (it is never returned, so the first step is not lost)
  double end = 0.001;  // reached at the last step
};
// lightly's CosineWarmupScheduler, a factor for the learning rate: up to 1 in `warmup` equal steps, then half a cosine.
inline double warmup_cosine(int64_t step, int64_t steps, const WarmupCosineOptions& options = {}) {
  const auto& [warmup, start, end] = options;
  if (step < warmup) return start + (1 - start) * double(step + 1) / double(warmup);
  return cosine_ramp(step - warmup, steps - warmup, 1, end);
}

struct DinoCosineOptions {
  int64_t warmup = 0;
  double base = 1, final = 0;
};
// DINO's and iBOT's: `warmup` steps from 0 to `base`, both included, then half a cosine towards `final`, which would be
// the step after the last one.
inline double dino_cosine(int64_t step, int64_t steps, const DinoCosineOptions& options = {}) {
  const auto& [warmup, base, final] = options;
  if (step < warmup) return linear_ramp(step, warmup, warmup > 1 ? 0 : base, base);
  double progress = double(step - warmup) / double(steps - warmup);
  return final + 0.5 * (base - final) * (1 + std::cos(std::numbers::pi * progress));
}

// The momentum of BYOL's teacher (Grill et al., 2020): from `start` towards `end`, which would be the step after the
// last one; half-way at the middle of the run.
inline double byol_momentum(int64_t step, int64_t steps, double start = 0.996, double end = 1) {
  return cosine_ramp(step, steps + 1, start, end);
}

struct MsnMomentumOptions {
  double start = 0.996, stretch = 1.25;
};
// The momentum of MSN's teacher (Assran et al., 2022): straight from `start` to 1 over `stretch` times the run's steps.
inline double msn_momentum(int64_t step, int64_t steps, const MsnMomentumOptions& options = {}) {
  const auto& [start, stretch] = options;
  return start + (1 - start) * double(step) / (stretch * double(steps));
}

// Learning rates for a batch: base * batch / 256, as almost all papers count; SimCLR's base * sqrt(batch) (base 0.075);
// DINOv2's base * sqrt(batch / 1024).
inline double linear_lr(double base, int64_t batch) {
  return base * double(batch) / 256;
}
inline double sqrt_lr(double base, int64_t batch) {
  return base * std::sqrt(double(batch));
}
inline double sqrt_1024_lr(double base, int64_t batch) {
  return base * std::sqrt(double(batch) / 1024);
}

}  // namespace fovea::nn
