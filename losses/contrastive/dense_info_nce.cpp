#include <fovea/losses/contrastive/dense_info_nce.h>

#include <fovea/core/autocast.h>
#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/losses/contrastive/info_nce.h>

namespace fovea::losses {

static void check_maps(const char* what, const Tensor& a, const Tensor& b) {
  check(a.rank() == 4 && a.numel() > 0 && b.shape() == a.shape(),
        "{}: want two maps [N, h, w, C] of one shape, got {} and {}", what, a.shape(), b.shape());
}

Tensor dense_matches(const Tensor& query_map, const Tensor& key_map) {
  check_maps("dense_matches", query_map, key_map);
  NoGrad no_grad;
  const Autocast off(false);
  Tensor key = normalize(flatten(key_map, 1, 2));  // a query's length changes nothing
  return argmax(matmul(flatten(query_map, 1, 2), key, {.transpose_b = true}));
}

Tensor dense_info_nce(const Tensor& query, const Tensor& key, const Tensor& matches, const Tensor& queue,
                      double temperature) {
  check_maps("dense_info_nce", query, key);
  Tensor positive = gather_tokens(flatten(key, 1, 2), matches);  // [N, h w, D]
  return losses::info_nce(flatten(query, 0, 2), flatten(positive, 0, 1), queue, temperature);
}

}  // namespace fovea::losses
