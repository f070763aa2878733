// In bf16 a kernel on the device errs at most twice as much, against f64, as the same maths in separate ops, each of
// which rounds its result to bf16 (attention_test.cpp asks it of attention).
#include <algorithm>
#include <cmath>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using namespace fovea::testing;

namespace {

using Function = std::function<Tensor(const Inputs&)>;

double largest(const Tensor& t) {
  double most = 0;
  for (double v : t.to_vector<double>()) most = std::max(most, std::abs(v));
  return most;
}
double largest_error(const Tensor& got, const Tensor& want) {
  return largest(got.to(Device::cpu()).to(Dtype::f64) - want);
}

void compare(const std::string& name, const std::vector<Input>& inputs, const Function& fused, const Function& parts) {
  INFO(name);
  const OpCase one{name, inputs, fused}, naive{name, inputs, parts};
  const auto want = result_and_gradients(one, Dtype::f64, Device::cpu(), true);
  const auto same = result_and_gradients(naive, Dtype::f64, Device::cpu(), true);
  const auto got = result_and_gradients(one, Dtype::bf16, Device::cuda(), true);
  const auto rounded = result_and_gradients(naive, Dtype::bf16, Device::cpu(), true);
  for (size_t i = 0; i < want.size(); ++i) {
    INFO((i ? "gradient " + std::to_string(i - 1) : "result"));
    REQUIRE(relative_error(same[i], want[i]) < 1e-9);
    // One rounding of the result is anyone's due: a scalar's parts may err less by luck.
    const double due = largest(want[i]) / 512;
    CHECK(largest_error(got[i], want[i]) <= std::max(2 * largest_error(rounded[i], want[i]), due));
  }
}

Tensor eye(int64_t rows, int64_t shift, const Tensor& like) {
  std::vector<int64_t> ones;
  for (int64_t i = 0; i < rows; ++i) ones.push_back((i + shift) % rows);
  return one_hot(Tensor::from<int64_t>({rows}, ones), rows).to(like.dtype());
}
Tensor diagonal(const Tensor& x) {
  return pick(x, Tensor::arange(x.size(0)));
}
Tensor unit(const Tensor& x) {
  return x / sqrt(sum(square(x), {1}, true));
}
Tensor log_softmax_in_parts(const Tensor& x) {
  Tensor shifted = x - max(x, {1}, true).detach();
  return shifted - log(sum(exp(shifted), {1}, true));
}
Tensor softmax_in_parts(const Tensor& x) {
  return exp(log_softmax_in_parts(x));
}
Tensor similarities(const Tensor& a, const Tensor& b) {
  return matmul(unit(a), unit(b), {.transpose_b = true});
}
Tensor normalised(const Tensor& x, const std::vector<int>& dims) {
  Tensor centred = x - mean(x, dims, true);
  return centred / sqrt(mean(square(centred), dims, true) + 1e-5);
}
Tensor scalar(const Tensor& t) {
  return t.dtype() == Dtype::bf16 ? t.to(Dtype::f32) : t;
}

// A 3x3 convolution of padding 1, one product or scaling after another.
Tensor conv_in_parts(const Tensor& x, const Tensor& weight, int64_t stride) {
  const int64_t n = x.size(0), c = x.size(3), k = weight.size(0);
  const bool depthwise = weight.size(3) != c;
  Tensor padded = pad(x, {{}, {1, 1}, {1, 1}, {}}), sum;
  for (int64_t r = 0; r < 3; ++r)
    for (int64_t q = 0; q < 3; ++q) {
      Tensor seen = slice(slice(padded, 1, r, r + x.size(1), stride), 2, q, q + x.size(2), stride);
      Tensor tap = slice(slice(weight, 1, r, r + 1), 2, q, q + 1).reshape({k, weight.size(3)});
      Tensor more = depthwise ? seen * tap.reshape({k})
                              : matmul(seen.reshape({n * seen.size(1) * seen.size(2), c}), tap, {.transpose_b = true})
                                    .reshape({n, seen.size(1), seen.size(2), k});
      sum = sum.defined() ? sum + more : more;
    }
  return sum;
}

}  // namespace

TEST_CASE("losses over logits in bf16 err at most twice as much as their parts", "[cuda][bf16]") {
  const Input labels{{37}, Fill::index, 203}, fixed{{37, 203}, Fill::normal, 0, false};
  compare(
      "cross_entropy", {{{37, 203}}, labels}, [](const Inputs& in) { return cross_entropy(in[0], in[1]); },
      [](const Inputs& in) { return -mean(pick(log_softmax_in_parts(in[0]), in[1])); });
  compare(
      "cross_entropy smoothing", {{{37, 203}}, labels},
      [](const Inputs& in) { return cross_entropy(in[0], in[1], {.label_smoothing = 0.1}); },
      [](const Inputs& in) {
        Tensor log_p = log_softmax_in_parts(in[0]);
        return -mean(0.9 * pick(log_p, in[1]) + 0.1 * mean(log_p, {1}));
      });
  compare(
      "soft_cross_entropy", {{{37, 203}}, {{37, 203}, Fill::simplex, 0, false}},
      [](const Inputs& in) { return soft_cross_entropy(in[0], in[1]); },
      [](const Inputs& in) { return -mean(sum(in[1] * log_softmax_in_parts(in[0]), {1})); });
  compare(
      "distillation_cross_entropy", {{{37, 203}}, fixed, {{203}, Fill::normal, 0, false}},
      [](const Inputs& in) {
        return distillation_cross_entropy(in[0], in[1], scalar(in[2]), {0.1, 0.04});
      },
      [](const Inputs& in) {
        Tensor target = softmax_in_parts((in[1] - in[2]) / 0.04);
        return -mean(sum(target * log_softmax_in_parts(in[0] / 0.1), {1}));
      });
}

TEST_CASE("contrastive losses in bf16 err at most twice as much as their parts", "[cuda][bf16]") {
  const double temperature = 0.2;
  const std::vector<Input> views{{{41, 48}}, {{41, 48}}};
  auto both_views = [=](const Inputs& in, bool decoupled) {
    const int64_t pairs = in[0].size(0);
    Tensor u = concat({in[0], in[1]}), logits = similarities(u, u) / temperature;
    Tensor twin = eye(2 * pairs, pairs, u), hidden = eye(2 * pairs, 0, u);
    Tensor others = logits - 1e4 * (decoupled ? hidden + twin : hidden);
    Tensor top = max(others, {1}, true).detach();
    return mean(top + log(sum(exp(others - top), {1}, true)) - sum(logits * twin, {1}, true));
  };
  compare(
      "nt_xent", views, [=](const Inputs& in) { return nt_xent(in[0], in[1], temperature); },
      [=](const Inputs& in) { return both_views(in, false); });
  compare(
      "dcl", views, [=](const Inputs& in) { return dcl(in[0], in[1], temperature); },
      [=](const Inputs& in) { return both_views(in, true); });
  compare(
      "info_nce", {{{41, 48}}, {{41, 48}}, {{130, 48}, Fill::normal, 0, false}},
      [=](const Inputs& in) { return info_nce(in[0], in[1], in[2], temperature); },
      [=](const Inputs& in) {
        Tensor positive = sum(unit(in[0]) * unit(in[1]), {1}, true);
        Tensor logits = concat({positive, similarities(in[0], in[2])}, 1) / temperature;
        return -mean(slice(log_softmax_in_parts(logits), 1, 0, 1));
      });
  compare(
      "clip_loss", {{{41, 48}}, {{41, 48}}, {{}, Fill::positive}},
      [](const Inputs& in) { return clip_loss(in[0], in[1], scalar(in[2])); },
      [](const Inputs& in) {
        Tensor logits = exp(in[2]) * similarities(in[0], in[1]);
        return -0.5 * (mean(diagonal(log_softmax_in_parts(logits))) +
                       mean(diagonal(log_softmax_in_parts(transpose(logits, 0, 1)))));
      });
  compare(
      "siglip_loss", {{{41, 48}}, {{41, 48}}, {{}, Fill::positive}, {{}}},
      [](const Inputs& in) { return siglip_loss(in[0], in[1], scalar(in[2]), scalar(in[3])); },
      [](const Inputs& in) {
        Tensor logits = exp(in[2]) * similarities(in[0], in[1]) + in[3];
        return sum(softplus((1.0 - 2.0 * eye(41, 0, logits)) * logits)) / 41.0;
      });
}

TEST_CASE("norms in bf16 err at most twice as much as their parts", "[cuda][bf16]") {
  compare(
      "batch_norm", {{{3, 7, 5, 24}}, {{24}}, {{24}}},
      [](const Inputs& in) { return batch_norm(in[0], in[1], in[2], {}, {}); },
      [](const Inputs& in) {
        return normalised(in[0], {0, 1, 2}) * in[1] + in[2];
      });
  compare(
      "layer_norm", {{{37, 96}}, {{96}}, {{96}}}, [](const Inputs& in) { return layer_norm(in[0], in[1], in[2]); },
      [](const Inputs& in) { return normalised(in[0], {1}) * in[1] + in[2]; });
  compare(
      "group_norm", {{{3, 35, 24}}, {{24}}, {{24}}},
      [](const Inputs& in) { return group_norm(in[0], 4, in[1], in[2]); },
      [](const Inputs& in) {
        Tensor groups = normalised(in[0].reshape({3, 35, 4, 6}), {1, 3});
        return groups.reshape({3, 35, 24}) * in[1] + in[2];
      });
}

TEST_CASE("products and convolutions in bf16 err at most twice as much as their parts", "[cuda][bf16]") {
  compare(
      "linear", {{{67, 200}}, {{72, 200}}, {{72}}}, [](const Inputs& in) { return linear(in[0], in[1], in[2]); },
      [](const Inputs& in) { return matmul(in[0], in[1], {.transpose_b = true}) + in[2]; });
  compare(
      "linear gelu", {{{67, 200}}, {{72, 200}}, {{72}}},
      [](const Inputs& in) { return linear(in[0], in[1], in[2], Activation::gelu); },
      [](const Inputs& in) { return gelu(matmul(in[0], in[1], {.transpose_b = true}) + in[2]); });
  auto conv = [](Conv2dOptions options) {
    return [options](const Inputs& in) { return conv2d(in[0], in[1], in[2], options); };
  };
  auto parts = [](int64_t stride, bool activated) {
    return [=](const Inputs& in) {
      Tensor y = conv_in_parts(in[0], in[1], stride) + in[2];
      return activated ? relu(y) : y;
    };
  };
  compare("conv2d", {{{2, 9, 7, 16}}, {{72, 3, 3, 16}}, {{72}}}, conv({.padding = 1}), parts(1, false));
  compare("conv2d relu", {{{2, 9, 7, 16}}, {{72, 3, 3, 16}}, {{72}}},
          conv({.padding = 1, .activation = Activation::relu}), parts(1, true));
  compare("conv2d stride 2", {{{1, 8, 10, 3}}, {{16, 3, 3, 3}}, {{16}}}, conv({.stride = 2, .padding = 1}),
          parts(2, false));
  compare("conv2d depthwise", {{{2, 9, 7, 16}}, {{16, 3, 3, 1}}, {{16}}}, conv({.padding = 1, .groups = 16}),
          parts(1, false));
}
