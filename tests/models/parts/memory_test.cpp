#include "support/catch.h"

#include <fovea/core/allocator.h>
#include <fovea/core/random.h>
#include <fovea/kernels/scratch.h>
#include <fovea/losses/contrastive/nt_xent.h>
#include <fovea/models/methods/contrastive/simclr.h>
#include <fovea/nn/train/optim.h>

using namespace fovea;

TEST_CASE("the second training step maps no memory and gives all of it back", "[models][allocator]") {
  models::SimClr model(models::resnet18({.width = 16, .cifar_stem = true}));
  nn::Sgd optimizer(nn::decay_groups(model), {.lr = 0.05, .momentum = 0.9});
  const Tensor images = randn({16, 32, 32, 3});
  auto step = [&] {
    Tensor z = model(images);
    Tensor loss = losses::nt_xent(z.slice(0, 8), z.slice(8, 16), 0.5);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  };
  step();
  const AllocatorStats first = allocator(Device::cpu()).stats();
  const size_t scratch = kernels::scratch_held();
  for (int i = 0; i < 3; ++i) step();
  const AllocatorStats later = allocator(Device::cpu()).stats();
  CHECK(later.map_calls == first.map_calls);
  CHECK(later.mapped == first.mapped);
  CHECK(later.live == first.live);
  CHECK(kernels::scratch_held() == scratch);
}
