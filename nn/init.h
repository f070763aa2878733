#pragma once

#include <fovea/core/random.h>
#include <fovea/core/tensor.h>

// Initialisers with PyTorch's formulas and defaults. Each overwrites `t` (f32) with numbers drawn from the generator,
// so the same seed gives the same weights on every device. Trainable tensors may be given.
namespace fovea::nn {

// What a weight's rows see and feed: a weight [out, ...window, in] (Linear [out, in], Conv2d [O, kh, kw, I / groups],
// ConvTranspose2d [I, kh, kw, O / groups]) has fans in = numel / size(0) and out = numel / size(-1), PyTorch's.
struct Fans {
  int64_t in = 0, out = 0;
};
Fans fans(const Shape& weight);  // throws Error below rank 2

enum class FanMode { in, out };
struct KaimingOptions {
  double a = 0;  // negative slope of the (leaky) ReLU that follows; the gain is sqrt(2 / (1 + a^2))
  FanMode mode = FanMode::in;
};
// He et al., 2015: standard deviation gain / sqrt(fan).
void kaiming_uniform_(Tensor t, KaimingOptions options = {}, Generator& generator = default_generator());
void kaiming_normal_(Tensor t, KaimingOptions options = {}, Generator& generator = default_generator());

// Glorot and Bengio, 2010: standard deviation gain * sqrt(2 / (fan in + fan out)).
void xavier_uniform_(Tensor t, double gain = 1, Generator& generator = default_generator());
void xavier_normal_(Tensor t, double gain = 1, Generator& generator = default_generator());

void normal_(Tensor t, double mean = 0, double std = 1, Generator& generator = default_generator());
void uniform_(Tensor t, double low = 0, double high = 1, Generator& generator = default_generator());

struct TruncNormalOptions {
  double mean = 0, std = 1;
  double low = -2, high = 2;  // in the units of the result, not in standard deviations
};
// Normal numbers outside [low, high] are drawn again. Throws Error when that interval holds less than 1% of them.
void trunc_normal_(Tensor t, TruncNormalOptions options = {}, Generator& generator = default_generator());

void constant_(Tensor t, double value);

// What PyTorch gives a new Linear or convolution: kaiming_uniform_ with a = sqrt(5), and a bias (undefined: none)
// uniform in +-1 / sqrt(fan in).
void default_init_(Tensor weight, Tensor bias, Generator& generator = default_generator());

}  // namespace fovea::nn
