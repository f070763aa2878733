#pragma once

#include <fovea/core/tensor.h>

// DenseCL (Wang et al., 2021, arXiv:2011.09157): InfoNCE for every position of a feature map.
namespace fovea::losses {

// Which position of the other view's map is most alike: backbone maps [N, h, w, C] of the query's view and of the
// key's -> i64 [N, h w], for each position of the first the one of the second with the largest cosine. No gradient.
Tensor dense_matches(const Tensor& query_map, const Tensor& key_map);

// query and key [N, h, w, D], what the dense head made of the two maps; matches [N, h w]; queue [K, D]:
//
//   loss = mean over images and positions i of InfoNCE(query_i; positive key_match(i); negatives queue)
//
// as in losses/contrastive/info_nce.h, whose memory and dtypes it shares.
Tensor dense_info_nce(const Tensor& query, const Tensor& key, const Tensor& matches, const Tensor& queue,
                      double temperature);

}  // namespace fovea::losses
