#include "cases.h"

#include <fovea/core/random.h>
#include <fovea/data/image/uploader.h>
#include <fovea/data/sets/synthetic.h>
#include <fovea/models/backbones/resnet.h>
#include <fovea/models/eval/knn.h>
#include <fovea/models/parts/memory.h>
#include <fovea/nn/train/ema.h>
#include <fovea/nn/train/optim.h>

namespace fovea::bench {

namespace {

using Inputs = std::vector<Tensor>;

Inputs random(const std::vector<Shape>& shapes, Dtype dtype, Device device, bool differentiable = true) {
  Generator generator(1);
  Inputs out;
  for (const Shape& shape : shapes) {
    out.push_back(randn(shape, generator).to(dtype).to(device));
    out.back().set_requires_grad(differentiable);
  }
  return out;
}

// Forward, and backward unless the gradient is nobody's.
CountedCase op(const std::string& name, std::initializer_list<Shape> shapes, Dtype dtype, double flops,
               std::function<Tensor(const Inputs&)> f, bool backward = true) {
  return {name, flops, [=, list = std::vector<Shape>(shapes)](Device device) -> std::function<void()> {
            const Inputs inputs = random(list, dtype, device, backward);
            return [=] {
              Tensor y = f(inputs);
              if (backward) y.backward(y.detach());
            };
          }};
}

CountedCase gemm(const std::string& name, int64_t m, int64_t n, int64_t k, Dtype dtype) {
  return op(
      name, {{m, k}, {n, k}}, dtype, 2.0 * double(m * n) * double(k),
      [](const Inputs& x) { return linear(x[0], x[1]); }, false);
}

CountedCase conv(const std::string& name, int64_t n, int64_t side, int64_t in, int64_t out, Dtype dtype) {
  return {name, 3 * 2.0 * double(n * side * side * out) * 9 * double(in), [=](Device device) -> std::function<void()> {
            Inputs x = random({{n, side, side, in}}, dtype, device), w = random({{out, 3, 3, in}}, Dtype::f32, device);
            return [=] {
              Tensor y = conv2d(x[0], w[0], {}, {.padding = 1});
              y.backward(y.detach());
            };
          }};
}

std::function<void()> cross_entropy_of(int64_t rows, int64_t classes, Dtype dtype, Device device) {
  Tensor logits = random({{rows, classes}}, dtype, device)[0];
  Generator generator(2);
  Tensor labels = randint(0, classes, {rows}, generator).to(device);
  return [=] { cross_entropy(logits, labels).backward(); };
}

// Rows of 128 against rows, forward and backward.
CountedCase contrast(const std::string& name, int64_t rows, int64_t others, std::initializer_list<Shape> shapes,
                     Dtype dtype, std::function<Tensor(const Inputs&)> f) {
  return op(name, shapes, dtype, 3 * 2.0 * double(rows * others) * 128, std::move(f));
}

// The first batch of SimCLR's two views, its random numbers drawn.
CountedCase views(const std::string& name, int64_t images, int from, int to) {
  return {name, 0, [=](Device device) -> std::function<void()> {
            auto loader = std::make_shared<data::Loader>(
                data::synthetic(images, {.image_size = from}), data::simclr_views(to),
                data::for_device({.batch_size = images, .seed = 1, .workers = 0}, device));
            auto batches = std::make_shared<data::Uploader>(*loader, device);
            return [loader, batches] { batches->next(); };
          }};
}

// A step of an optimiser, or of a teacher that follows, over a ResNet-18 of width 16.
template <class Make>
CountedCase network(const std::string& name, Make make) {
  return {name, 0, [=](Device device) -> std::function<void()> {
            auto net = std::make_shared<models::ResNet>(models::resnet18({.width = 16, .cifar_stem = true}));
            net->to(device);
            for (Tensor& p : net->parameters()) p.set_grad(Tensor::full(p.shape(), 0.01).to(device));
            return make(net);
          }};
}

}  // namespace

std::vector<CountedCase> counted_cases() {
  constexpr Dtype f32 = Dtype::f32, half = Dtype::bf16;
  const Shape image{16, 16, 16, 64}, pairs{512, 128};
  std::vector<CountedCase> cases{
      gemm("gemm f32, 256 x 256 x 512", 256, 256, 512, f32),
      gemm("gemm bf16, 512 x 512 x 512", 512, 512, 512, half),
      conv("conv2d 3x3 f32, 4 x 16 x 16 x 64", 4, 16, 64, 64, f32),
      conv("conv2d 3x3 bf16, 8 x 16 x 16 x 64", 8, 16, 64, 64, half),
      {"cross_entropy f32, 256 x 1000", 0, [](Device d) { return cross_entropy_of(256, 1000, f32, d); }},
      {"cross_entropy bf16, 64 x 32768", 0, [](Device d) { return cross_entropy_of(64, 32768, half, d); }},
      contrast("nt_xent f32, 1024 x 128", 1024, 1024, {pairs, pairs}, f32,
               [](const Inputs& x) { return nt_xent(x[0], x[1], 0.5); }),
      contrast("nt_xent bf16, 1024 x 128", 1024, 1024, {pairs, pairs}, half,
               [](const Inputs& x) { return nt_xent(x[0], x[1], 0.5); }),
      contrast("dcl bf16, 1024 x 128", 1024, 1024, {pairs, pairs}, half,
               [](const Inputs& x) { return dcl(x[0], x[1], 0.5); }),
      contrast("info_nce bf16, 512 x 128, 4096 in the queue", 512, 4096, {pairs, pairs, {4096, 128}}, half,
               [](const Inputs& x) { return info_nce(x[0], x[1], x[2].detach(), 0.2); }),
      contrast("clip_loss bf16, 512 x 128", 512, 512, {pairs, pairs}, half,
               [](const Inputs& x) { return clip_loss(x[0], x[1], Tensor::full({}, 2).to(x[0].device())); }),
      contrast("siglip_loss bf16, 512 x 128", 512, 512, {pairs, pairs}, half,
               [](const Inputs& x) {
                 const Tensor scale = Tensor::full({}, 2).to(x[0].device());
                 return siglip_loss(x[0], x[1], scale, scale);
               }),
      op("attention bf16, 2 x 197 x 6 x 64", {{2, 197, 3, 6, 64}}, half, 3.5 * 4.0 * 2 * 6 * 197 * 197 * 64,
         [](const Inputs& x) { return attention(x[0]); }),
      op("batch_norm + add + relu f32", {image, {64}, {64}, image}, f32, 0,
         [](const Inputs& x) { return batch_norm(x[0], x[1], x[2], {}, {}, {.relu = true}, x[3]); }),
      op("layer_norm f32, 2048 x 384", {{2048, 384}, {384}, {384}}, f32, 0,
         [](const Inputs& x) { return layer_norm(x[0], x[1], x[2]); }),
      op("low_rank_merge f32, 1024 x 1024, rank 16", {{1024, 1024}, {16, 1024}, {1024, 16}}, f32,
         3 * 2.0 * 1024 * 1024 * 16, [](const Inputs& x) { return low_rank_merge(x[0], x[1], x[2], 0.5); }),
      op("low_rank_merge + magnitude f32, 1024 x 1024, rank 16", {{1024, 1024}, {16, 1024}, {1024, 16}, {1024}}, f32,
         3 * 2.0 * 1024 * 1024 * 16, [](const Inputs& x) { return low_rank_merge(x[0], x[1], x[2], 0.5, x[3]); }),
      op("softmax f32, 4096 x 65", {{4096, 65}}, f32, 0, [](const Inputs& x) { return softmax(x[0]); }),
      op("gelu bf16, 1024 x 1536", {{1024, 1536}}, half, 0, [](const Inputs& x) { return gelu(x[0]); }),
      op("max_pool2d 3x3 / 2 f32", {{4, 32, 32, 64}}, f32, 0,
         [](const Inputs& x) { return max_pool2d(x[0], {.kernel = 3, .stride = 2, .padding = 1}); }),
      op("permute f32", {image}, f32, 0,
         [](const Inputs& x) {
           return permute(x[0], {0, 3, 1, 2});
         }),
      op(
          "sinkhorn f32, 64 x 3000", {{64, 3000}}, f32, 0, [](const Inputs& x) { return sinkhorn(x[0]); }, false),
      op(
          "sinkhorn bf16, 64 x 3000", {{64, 3000}}, half, 0, [](const Inputs& x) { return sinkhorn(x[0]); }, false),
      op("sigreg f32, 2 x 128 x 64, 256 directions", {{2, 128, 64}, {64, 256}}, f32, 0,
         [](const Inputs& x) { return sigreg(x[0], x[1].detach()); }),
      op(
          "match_nearest f32, 16 x 49 x 512", {{16, 49, 512}, {16, 49, 512}}, f32, 0,
          [](const Inputs& x) { return match_nearest(x[0], x[1], 20).a; }, false),
      {"memory bank of 8192 x 128, 256 rows", 0,
       [](Device device) -> std::function<void()> {
         Generator generator(1);
         auto bank =
             std::make_shared<models::MemoryBank>(models::MemoryBankOptions{.images = 8192, .dim = 128}, generator);
         bank->to(device);
         Tensor index = randint(0, 8192, {256}, generator).to(device), values = randn({256, 128}, generator).to(device);
         return [=] { bank->update(index, values); };
       }},
      views("views of SimCLR, 16 images of 160 x 160, 96 pixels", 16, 160, 96),
      network("SGD with momentum",
              [](const std::shared_ptr<models::ResNet>& net) -> std::function<void()> {
                auto optimizer = std::make_shared<nn::Sgd>(nn::decay_groups(*net), nn::SgdOptions{.momentum = 0.9});
                return [=] { optimizer->step(); };
              }),
      network("AdamW",
              [](const std::shared_ptr<models::ResNet>& net) -> std::function<void()> {
                auto optimizer = std::make_shared<nn::AdamW>(nn::decay_groups(*net));
                return [=] { optimizer->step(); };
              }),
      network("LARS",
              [](const std::shared_ptr<models::ResNet>& net) -> std::function<void()> {
                auto optimizer = std::make_shared<nn::Lars>(nn::decay_groups(*net));
                return [=] { optimizer->step(); };
              }),
      network("EMA",
              [](const std::shared_ptr<models::ResNet>& net) -> std::function<void()> {
                auto teacher = std::make_shared<models::ResNet>(*net);
                return [=] { nn::ema_update(*teacher, *net, 0.99); };
              }),
      {"k nearest of 4096 x 128, k = 20, 128 queries", 2.0 * 128 * 4096 * 128,
       [](Device device) -> std::function<void()> {
         Generator generator(1);
         Tensor bank = randn({4096, 128}, generator).to(device), queries = randn({128, 128}, generator).to(device);
         return [=] { models::nearest(bank, queries, 20); };
       }},
  };
  return cases;
}

}  // namespace fovea::bench
