#include <fovea/models/simclr.h>

#include <fovea/losses/nt_xent.h>
#include <fovea/nn/checkpoint.h>
#include <fovea/nn/optim.h>
#include <fovea/nn/torch_state.h>

#include "support/catch.h"
#include "support/fixture.h"

using namespace fovea;
using namespace fovea::testing;

namespace {

models::SimClr small_simclr() {
  return models::SimClr(models::ResNet(models::ResNetBlock::basic, {1, 1, 1, 1}, {.width = 4, .cifar_stem = true}), 16);
}

// The fixture's ten steps: two batches of two views, taken in turn.
struct Run {
  Fixture torch{"simclr_steps"};
  models::SimClr model = small_simclr();
  nn::Sgd optimizer;
  int64_t step = 0;

  Run()
      : optimizer((nn::load_torch_state(model, torch.part("state")), nn::decay_groups(model, {.weight_decay = 5e-4})),
                  {.lr = 0.005, .momentum = 0.9}) {}
  Tensor view(int64_t number) {
    int64_t at = 32 * number + 16 * (step % 2);
    return (torch["views"].slice(at, at + 16).to(Dtype::f32) / 255 - 0.5) / 0.25;
  }
  double train() {
    Tensor loss = losses::nt_xent(model(view(0)), model(view(1)), 0.5);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    ++step;
    return loss.item();
  }
};

}  // namespace

TEST_CASE("ten SimCLR training steps follow PyTorch", "[models]") {
  Run run;
  std::vector<double> expected = run.torch["losses"].to_vector<double>();
  REQUIRE(expected.size() == 10);
  for (double loss : expected) CHECK(run.train() == Approx(loss).epsilon(1e-4));
}

TEST_CASE("a run that goes on from a checkpoint has the same losses to the bit", "[models]") {
  TemporaryFolder folder;
  Run first, second;
  for (int i = 0; i < 3; ++i) first.train();
  Generator generator(5, 40);
  nn::save_checkpoint(folder / "last.safetensors",
                      {&first.model, &first.optimizer, {{"data", &generator}}, {{"step", "3"}}});
  Generator restored;
  nn::Checkpoint checkpoint{&second.model, &second.optimizer, {{"data", &restored}}, {}};
  nn::load_checkpoint(folder / "last.safetensors", checkpoint);
  second.step = std::stoll(checkpoint.metadata.at("step"));
  CHECK(restored.seed() == 5);
  CHECK(restored.offset() == 40);
  for (int i = 0; i < 3; ++i) CHECK(first.train() == second.train());
}

TEST_CASE("a copied method trains like the first and leaves it alone", "[models]") {
  Run run;
  models::SimClr copy = run.model;
  std::vector<float> before = copy.backbone.conv1.weight.value.to_vector<float>();
  double loss = run.train();
  CHECK(copy.backbone.conv1.weight.value.to_vector<float>() == before);
  CHECK(run.model.backbone.conv1.weight.value.to_vector<float>() != before);
  run.step = 0;
  CHECK(losses::nt_xent(copy(run.view(0)), copy(run.view(1)), 0.5).item() == loss);
}

TEST_CASE("heads are built from one description", "[models]") {
  CHECK(small_simclr().projector.str() == R"(Sequential(
  (0): Linear(in=32, out=32, bias=false)
  (1): BatchNorm1d(32, eps=1e-05, momentum=0.1)
  (2): ReLU()
  (3): Linear(in=32, out=16, bias=false)
  (4): BatchNorm1d(16, eps=1e-05, momentum=0.1)
))");
  CHECK(models::make_head({{.in = 4, .out = 8, .relu = true}, {.in = 8, .out = 3, .batch_norm = true, .affine = false}})
            .str() ==
        R"(Sequential(
  (0): Linear(in=4, out=8)
  (1): ReLU()
  (2): Linear(in=8, out=3, bias=false)
  (3): BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=false)
))");
  CHECK_THROWS_WITH(models::make_head({{.in = 4, .out = 8}, {.in = 7, .out = 3}}),
                    Catch::Contains("8 features") && Catch::Contains("got 7"));
}
