#include "support/catch.h"

#include <fovea/core/allocator.h>
#include <fovea/core/random.h>
#include <fovea/kernels/scratch.h>
#include <fovea/models/backbones/resnet.h>
#include <fovea/models/methods/contrastive/simclr.h>
#include <fovea/nn/train/optim.h>

using namespace fovea;

TEST_CASE("the second training step maps no memory and gives all of it back", "[models][allocator]") {
  models::SimClr method(models::resnet18({.width = 16, .cifar_stem = true}));
  nn::Sgd optimizer(nn::decay_groups(method), {.lr = 0.05, .momentum = 0.9});
  data::Batch batch;
  batch.set("views.0", randn({16, 32, 32, 3}));
  auto step = [&] {
    models::Step of({.position = models::Position{}});
    Tensor loss = method.loss(batch, of);
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
