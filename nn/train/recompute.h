#pragma once

#include <functional>

#include <fovea/nn/module.h>

// Large batches on little memory. Losses that compare the samples of a batch cannot be summed over smaller batches; but
// they see a sample only through its embedding, which is small. So the network runs twice (gradient caching, Gao et
// al., 2021, arXiv:2101.06983): once in chunks, keeping embeddings alone; and, once the loss has told their gradients,
// chunk by chunk again, forward and backward. Memory is that of one chunk, the price one more forward pass.
namespace fovea::nn {

// net(x), for x [N, ...] and `rows` of its rows at a time: as one node whose backward pass runs every chunk again. The
// gradients reach x and the parameters of `module`, which holds those that net uses; module and all that net refers to
// must live until then. With rows >= N it is net(x).
//
//   Tensor z = nn::recompute(model, images, 32);
//   losses::nt_xent(z.slice(0, n), z.slice(n, 2 * n), 0.5).backward();
//
// Gradients are those of concat({net(chunk), net(chunk), ...}), and without batch norm those of net(x). Batch norm has
// its statistics from each chunk; running statistics move once, in the first run: the second writes no Buffer of
// `module`. Both runs draw the same numbers from default_generator() and have the Autocast of the first. net is called
// with [rows, ...] (the last chunk may be smaller) and returns as many rows.
Tensor recompute(Module& module, const Tensor& x, int64_t rows, const std::function<Tensor(const Tensor&)>& net);

// The same where net is the module.
template <class Network>
Tensor recompute(Network& network, const Tensor& x, int64_t rows) {
  return recompute(network, x, rows, [&network](const Tensor& chunk) { return network(chunk); });
}

}  // namespace fovea::nn
