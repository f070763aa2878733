#include "cases.h"

namespace fovea::bench {

using testing::Fill;
using testing::Input;
using testing::Inputs;
using testing::OpCase;

namespace {

LargeCase conv(const char* name, int64_t n, int64_t side, int64_t in, int64_t out, int64_t kernel, int64_t stride) {
  const int64_t padding = kernel / 2, result = (side + 2 * padding - kernel) / stride + 1;
  OpCase op{name, {{{n, side, side, in}}, {{out, kernel, kernel, in}}}, [=](const Inputs& x) {
              return conv2d(x[0], x[1], {}, {.stride = stride, .padding = padding});
            }};
  kernels::Conv2dShape shape{n, side, side, in, out, kernel, kernel, stride, stride, padding, padding};
  return {op, 2.0 * double(n * result * result * out) * double(kernel * kernel * in), 2, {}, vendor_conv2d(shape)};
}

LargeCase gemm(const char* name, int64_t m, int64_t n, int64_t k) {
  return {{name, {{{m, k}}, {{n, k}}}, [](const Inputs& x) { return linear(x[0], x[1]); }},
          2.0 * double(m * n) * double(k),
          2,
          {},
          vendor_linear(m, n, k)};
}

// All similarities of a row but that to itself, then cross entropy.
Tensor unfused_nt_xent(const Inputs& x) {
  const int64_t n = x[0].size(0);
  const Tensor z = normalize(concat({x[0], x[1]}).to(Dtype::f32));
  std::vector<int64_t> positives;
  for (int64_t i = 0; i < 2 * n; ++i) positives.push_back((i + n) % (2 * n));
  const Tensor rows = Tensor::arange(2 * n).to(z.device());
  const Tensor self = one_hot(rows, 2 * n) * 1e9;
  return cross_entropy(matmul(z, z, {.transpose_b = true}) / 0.5 - self,
                       Tensor::from<int64_t>({2 * n}, positives).to(z.device()));
}

// softmax(q k^T) v with each of the three in memory.
Tensor unfused_attention(const Inputs& x) {
  const std::vector<Tensor> qkv = chunk(permute(x[0], {2, 0, 3, 1, 4}), 3);  // each [1, B, H, T, D]
  const Tensor weights = softmax(matmul(qkv[0], qkv[1], {.transpose_b = true}) * (1 / 8.0));
  return permute(squeeze(matmul(weights, qkv[2]), 0), {0, 2, 1, 3});
}

}  // namespace

std::vector<LargeCase> large_cases() {
  const Shape image{256, 32, 32, 64}, tokens{32, 65, 384};
  return {
      {{"relu, latency", {{{16}}}, [](const Inputs& x) { return relu(x[0]); }}},
      {{"add", {{image}, {image}}, [](const Inputs& x) { return x[0] + x[1]; }}},
      {{"multiply by a channel", {{image}, {{64}}}, [](const Inputs& x) { return x[0] * x[1]; }}},
      {{"relu", {{image}}, [](const Inputs& x) { return relu(x[0]); }}},
      {{"gelu", {{{2080, 1536}}}, [](const Inputs& x) { return gelu(x[0]); }}},
      {{"sum over rows", {{{65536, 256}}}, [](const Inputs& x) { return sum(x[0], {0}); }}},
      {{"permute",
        {{image}},
        [](const Inputs& x) {
          return permute(x[0], {0, 3, 1, 2});
        }}},
      {{"batch_norm", {{image}, {{64}}, {{64}}}, [](const Inputs& x) { return batch_norm(x[0], x[1], x[2], {}, {}); }}},
      {{"batch_norm + add + relu",
        {{image}, {{64}}, {{64}}, {image}},
        [](const Inputs& x) { return batch_norm(x[0], x[1], x[2], {}, {}, {.relu = true}, x[3]); }},
       0,
       2,
       [](const Inputs& x) { return relu(batch_norm(x[0], x[1], x[2], {}, {}) + x[3]); }},
      {{"layer_norm", {{tokens}, {{384}}, {{384}}}, [](const Inputs& x) { return layer_norm(x[0], x[1], x[2]); }}},
      {{"low_rank_merge",
        {{{4096, 4096}}, {{16, 4096}}, {{4096, 16}}},
        [](const Inputs& x) { return low_rank_merge(x[0], x[1], x[2], 0.5); }},
       0,
       2,
       [](const Inputs& x) { return x[0] + matmul(x[2], x[1]) * 0.5; }},
      {{"low_rank_merge + magnitude",
        {{{4096, 4096}}, {{16, 4096}}, {{4096, 16}}, {{4096}}},
        [](const Inputs& x) { return low_rank_merge(x[0], x[1], x[2], 0.5, x[3]); }},
       0,
       2,
       [](const Inputs& x) {
         const Tensor v = x[0] + matmul(x[2], x[1]) * 0.5;
         const Tensor norm = sqrt(sum(square(v.detach()), {1}, true));
         return v * (reshape(x[3], {4096, 1}) / norm);
       }},
      {{"softmax", {{{12480, 65}}}, [](const Inputs& x) { return softmax(x[0]); }}},
      {{"cross_entropy",
        {{{1024, 1000}}, {{1024}, Fill::index, 1000}},
        [](const Inputs& x) { return cross_entropy(x[0], x[1]); }},
       0,
       2,
       [](const Inputs& x) { return -mean(pick(log_softmax(x[0]), x[1]).to(Dtype::f32)); }},
      {{"max_pool2d 3x3 / 2",
        {{{64, 64, 64, 64}}},
        [](const Inputs& x) { return max_pool2d(x[0], {.kernel = 3, .stride = 2, .padding = 1}); }}},
      conv("conv2d 3x3", 256, 32, 64, 64, 3, 1),
      conv("conv2d 3x3", 256, 16, 128, 128, 3, 1),
      conv("conv2d 3x3", 256, 8, 256, 256, 3, 1),
      conv("conv2d 3x3", 256, 4, 512, 512, 3, 1),
      conv("conv2d 3x3 / 2", 256, 32, 64, 128, 3, 2),
      conv("conv2d 1x1 / 2", 256, 32, 64, 128, 1, 2),
      conv("conv2d 7x7 / 2", 64, 128, 3, 64, 7, 2),
      gemm("linear", 1024, 1024, 1024),
      gemm("linear", 4096, 256, 1024),
      gemm("linear", 256, 128, 512),
      gemm("linear", 2080, 1536, 384),
      {{"attention", {{{32, 65, 3, 6, 64}}}, [](const Inputs& x) { return attention(x[0]); }},
       4.0 * 32 * 6 * 65 * 65 * 64,
       2.5,
       unfused_attention},
      {{"nt_xent", {{{128, 128}}, {{128, 128}}}, [](const Inputs& x) { return nt_xent(x[0], x[1], 0.5); }},
       2.0 * 256 * 256 * 128,
       2,
       unfused_nt_xent},
      {{"nt_xent", {{{8192, 128}}, {{8192, 128}}}, [](const Inputs& x) { return nt_xent(x[0], x[1], 0.5); }},
       2.0 * 16384 * 16384 * 128},
  };
}

}  // namespace fovea::bench
