#pragma once

#include <fovea/core/tensor.h>

// Private to losses/.
namespace fovea::losses {

// Embeddings [N, ..., D] of two views, of at least the two images that statistics over the batch need. Throws Error
// naming the loss.
void check_two_views(const char* loss, const Tensor& z0, const Tensor& z1);

}  // namespace fovea::losses
