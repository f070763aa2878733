#pragma once

#include <fovea/core/ops/losses/contrastive.h>

namespace fovea::losses {

// InfoNCE against a queue (van den Oord et al., 2018, arXiv:1807.03748; as in MoCo, He et al., 2020, arXiv:1911.05722):
//
//   Tensor info_nce(const Tensor& query, const Tensor& key, const Tensor& queue, double temperature);
//
// query, key [N, D]: row i of one is the positive of row i of the other; queue [K, D], constants: everyone's negatives.
// With every row divided by its length,
//
//   loss = 1 / N  sum_i  -log( e_i / (e_i + sum_k exp(query_i . queue_k / t)) ),  e_i = exp(query_i . key_i / t)
//
// a scalar, in full precision whatever the rows' dtype; a queue of another floating dtype is read in the query's. The
// gradient flows into query and, where it is wanted, into key. The temperature t is above 0: 0.07 in MoCo v1, 0.2 in
// v2. Logits that say nothing give log(K + 1), which is what a network scores that has learnt nothing; K negatives at
// right angles to a query that is its key give log(1 + K exp(-1 / t)). Memory grows with (N + K) * D: no matrix of
// similarities is kept.
using fovea::info_nce;

// InfoNCE within the batch (MoCo v3, Chen et al., 2021, arXiv:2104.02057; NNCLR, Dwibedi et al., 2021,
// arXiv:2104.14548): query and key [N, D], the negatives of query i are the keys of the other rows.
//
//   loss = 1 / N  sum_i  -log( exp(query_i . key_i / t) / sum_k exp(query_i . key_k / t) )
//
// again of rows divided by their lengths, and with gradients for both. Any floating dtype; computed in f32 (f64 for
// f64), also under Autocast. Keeps the N x N similarities.
Tensor info_nce(const Tensor& query, const Tensor& key, double temperature);

}  // namespace fovea::losses
