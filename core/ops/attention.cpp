#include <fovea/core/ops/attention.h>

#include <cmath>

#include <fovea/core/autocast.h>
#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/kernels/attention.h>

namespace fovea {

Tensor attention(const Tensor& qkv, const AttentionOptions& options) {
  check(qkv.rank() == 5 && qkv.size(2) == 3 && qkv.size(4) > 0,
        "attention: want projections [B, T, 3, H, D] with D of at least 1, got {}", qkv.shape());
  const Tensor& mask = options.key_mask;
  Shape mask_shape{qkv.size(0), qkv.size(1)};
  check(!mask.defined() || (mask.shape() == mask_shape && mask.dtype() == Dtype::u8 && mask.device() == qkv.device()),
        "attention: want a u8 key_mask {} on {}, got {} {} on {}", mask_shape, qkv.device(),
        name_of(mask.defined() ? mask.dtype() : Dtype::u8), mask.defined() ? mask.shape() : mask_shape,
        mask.defined() ? mask.device() : qkv.device());
  check(options.dropout >= 0 && options.dropout <= 1, "attention: want a dropout in [0, 1], got {}", options.dropout);

  Tensor packed = qkv.detach();
  if (autocast_enabled() && packed.dtype() == Dtype::f32) packed = packed.to(Dtype::bf16);
  Generator& generator = options.generator ? *options.generator : default_generator();
  kernels::RandomState random;
  if (options.dropout > 0)
    random = generator.draw(4 * qkv.size(0) * qkv.size(3) * kernels::attention_counters(qkv.size(1)), qkv.device());
  auto shape = [batch = qkv.size(0), tokens = qkv.size(1), heads = qkv.size(3), dim = qkv.size(4),
                causal = options.causal, scale = options.scale, dropout = options.dropout, random](const Tensor& keys) {
    return kernels::Attention{batch,
                              tokens,
                              heads,
                              dim,
                              scale != 0 ? scale : 1 / std::sqrt(double(dim)),
                              causal,
                              keys.defined() ? keys.data<uint8_t>() : nullptr,
                              dropout,
                              random};
  };
  Tensor y = Tensor::empty({qkv.size(0), qkv.size(1), qkv.size(3), qkv.size(4)}, packed.dtype(), qkv.device());
  Tensor lse = Tensor::empty({qkv.size(0), qkv.size(3), qkv.size(1)},
                             packed.dtype() == Dtype::f64 ? Dtype::f64 : Dtype::f32, qkv.device());
  dispatch_float(packed, "attention", [&]<class T>(auto& ctx) {
    kernels::attention(ctx, shape(mask), packed.data<T>(), y.data<T>(), lse.data<kernels::accumulator_t<T>>());
  });
  return record("attention", y, {qkv}, [packed, mask, y, lse, shape](const Node& node, const Tensor& dy) -> Grads {
    Tensor dqkv = Tensor::empty_like(packed);
    dispatch_float(packed, "attention", [&]<class T>(auto& ctx) {
      kernels::attention_backward(ctx, shape(mask), packed.data<T>(), y.data<T>(),
                                  lse.data<kernels::accumulator_t<T>>(), dy.data<T>(), dqkv.data<T>());
    });
    return {dqkv.to(node.inputs[0]->dtype)};
  });
}

}  // namespace fovea
