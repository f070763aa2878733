#include <fovea/nn/io/checkpoint.h>

#include <fovea/core/safetensors.h>
#include <fovea/nn/io/torch_state.h>
#include <fovea/nn/layer.h>
#include <fovea/nn/layers/conv.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/layers/norm.h>

#include "support/catch.h"
#include "support/files.h"
#include "support/op_rows.h"

using namespace fovea;
using namespace fovea::testing;

namespace {

nn::Sequential net(int64_t width = 4) {
  return nn::Sequential(nn::Conv2d({.in = 2, .out = width, .kernel = {3, 1}}), nn::BatchNorm2d({.features = width}));
}

void train(nn::Sequential& model, nn::Optimizer& optimizer) {
  optimizer.zero_grad();
  sum(square(model(randn({2, 5, 4, 2})))).backward();
  optimizer.step();
}

std::vector<double> everything(const std::vector<nn::NamedTensor>& state) {
  std::vector<double> out;
  for (const nn::NamedTensor& t : state)
    for (double value : t.value.to_vector<double>()) out.push_back(value);
  return out;
}

std::string refusal(const std::filesystem::path& path, nn::Checkpoint checkpoint) {
  try {
    nn::load_checkpoint(path, checkpoint);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("weights are saved in PyTorch's layout and come back", "[nn]") {
  TemporaryFolder folder;
  nn::Sequential model = net(), other = net();
  nn::save_weights(folder / "w.safetensors", model, {{"width", "4"}});
  SafeTensors file = load_safetensors(folder / "w.safetensors");
  CHECK(file.metadata.at("width") == "4");
  CHECK(file.tensors.at("0.weight").shape() == Shape{4, 2, 3, 1});
  // O, I, kh, kw = 3, 1, 2, 0 there is O, kh, kw, I = 3, 2, 0, 1 here.
  CHECK(file.tensors.at("0.weight").to_vector<float>()[3 * 6 + 1 * 3 + 2] ==
        model.parameters()[0].to_vector<float>()[3 * 6 + 2 * 2 + 1]);
  CHECK(everything(other.state()) != everything(model.state()));
  CHECK(nn::load_weights(folder / "w.safetensors", other).empty());
  CHECK(everything(other.state()) == everything(model.state()));
}

TEST_CASE("a state that does not fit is refused with every difference, and changes nothing", "[nn]") {
  nn::Sequential model = net();
  std::vector<double> before = everything(model.state());
  std::map<std::string, Tensor> state = nn::torch_state(model);
  state["0.weight"] = Tensor::zeros({4, 2, 1, 3});
  state["2.weight"] = state["3.bias"] = Tensor::zeros({1});
  state["1.weight"] = Tensor::zeros({4}, Dtype::i64);
  state.erase("0.bias");
  state.erase("1.running_var");
  CHECK_THROWS_WITH(
      nn::load_torch_state(model, state),
      Catch::Contains("does not fit Sequential: missing 0.bias, 1.running_var; unexpected 2.weight, 3.bias; "
                      "0.weight is [4, 2, 1, 3], want [4, 2, 3, 1]; 1.weight is i64, want f32"));
  CHECK(everything(model.state()) == before);
  CHECK_THROWS_WITH(nn::load_torch_state(model, state, {.allow_missing = true, .allow_unexpected = true}),
                    Catch::Contains("does not fit Sequential: 0.weight is"));
  state.erase("0.weight");
  state.erase("1.weight");
  state["1.bias"] = Tensor::full({4}, 9);
  CHECK(nn::load_torch_state(model, state, {.allow_missing = true, .allow_unexpected = true}) ==
        std::vector<std::string>{"missing 0.weight, 0.bias, 1.weight, 1.running_var", "unexpected 2.weight, 3.bias"});
  CHECK(model.named_parameters()[3].value.to_vector<float>() == std::vector<float>{9, 9, 9, 9});
}

TEST_CASE("a checkpoint restores module, optimiser, generators and metadata", "[nn]") {
  TemporaryFolder folder;
  nn::Sequential model = net(), other = net();
  nn::AdamW optimizer(nn::decay_groups(model)), other_optimizer(nn::decay_groups(other));
  train(model, optimizer);
  train(model, optimizer);
  Generator generator(~uint64_t(0), 123456789012345);
  nn::save_checkpoint(folder / "c", {&model, &optimizer, {{"default", &generator}}, {{"epoch", "7"}, {"note", "ü"}}});

  Generator restored;
  nn::Checkpoint checkpoint{&other, &other_optimizer, {{"default", &restored}}, {{"stale", "x"}}};
  nn::load_checkpoint(folder / "c", checkpoint);
  CHECK(everything(other.state()) == everything(model.state()));
  CHECK(everything(other_optimizer.state()) == everything(optimizer.state()));
  CHECK(other_optimizer.steps() == 2);
  CHECK(restored.seed() == generator.seed());
  CHECK(restored.offset() == generator.offset());
  CHECK(checkpoint.metadata == std::map<std::string, std::string>{{"epoch", "7"}, {"note", "ü"}});

  nn::Sequential third = net();
  nn::Checkpoint module_only{.module = &third};
  nn::load_checkpoint(folder / "c", module_only);
  CHECK(everything(third.state()) == everything(model.state()));
}

TEST_CASE("a checkpoint of something else is refused as a whole", "[nn]") {
  TemporaryFolder folder;
  nn::Sequential model = net();
  nn::Sgd optimizer(nn::decay_groups(model), {.momentum = 0.9});
  Generator generator;
  nn::save_checkpoint(folder / "c", {&model, &optimizer, {{"default", &generator}}, {}});

  nn::Sequential wide = net(6);
  nn::AdamW adamw(nn::decay_groups(wide));
  std::vector<double> before = everything(wide.state());
  std::string message = refusal(folder / "c", {&wide, &adamw, {{"data", &generator}}, {}});
  CHECK_THAT(message, Catch::Contains("0.weight is [4, 2, 3, 1], want [6, 2, 3, 1]") &&
                          Catch::Contains("1.running_mean is [4], want [6]") &&
                          Catch::Contains("a Sgd was saved, want AdamW") && Catch::Contains("data was not saved"));
  CHECK(everything(wide.state()) == before);

  nn::Sequential same = net();
  nn::Sgd plain(nn::decay_groups(same));
  CHECK_THAT(refusal(folder / "c", {&same, &plain, {}, {}}),
             Catch::Contains("optimiser Sgd: unexpected 0.bias.momentum"));
  nn::save_checkpoint(folder / "weights", {&model, nullptr, {}, {}});
  CHECK_THAT(refusal(folder / "weights", {&same, &plain, {}, {}}), Catch::Contains("none was saved, want Sgd"));
  nn::save_weights(folder / "plain", model);
  CHECK_THAT(refusal(folder / "plain", {&same, nullptr, {}, {}}), Catch::Contains("missing 0.weight, 0.bias"));
  CHECK_THROWS_WITH(nn::save_checkpoint(folder / "d", {&model, nullptr, {}, {{"fovea.x", "1"}}}),
                    Catch::Contains("fovea."));

  SafeTensors file = load_safetensors(folder / "c");
  file.metadata["fovea.generator.default"] = "12 x";
  save_safetensors(folder / "broken", file);
  CHECK_THAT(refusal(folder / "broken", {nullptr, nullptr, {{"default", &generator}}, {}}),
             Catch::Contains("default has no seed"));
}

TEST_CASE("no truncated or damaged checkpoint is taken or crashes", "[nn]") {
  TemporaryFolder folder;
  nn::Sequential model = net(2);
  nn::Sgd optimizer(nn::decay_groups(model), {.momentum = 0.9});
  Generator generator;
  nn::Checkpoint checkpoint{&model, &optimizer, {{"default", &generator}}, {}};
  nn::save_checkpoint(folder / "good", checkpoint);
  std::string good = read_file(folder / "good");
  for (size_t size = 0; size < good.size(); size += 13) {
    write_file(folder / "cut", good.substr(0, size));
    INFO(size);
    CHECK_THAT(refusal(folder / "cut", checkpoint), Catch::Contains("cut: "));
  }
  for (size_t at = 0; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] = char(bad[at] ^ (1 << at % 8));
    write_file(folder / "bad", bad);
    INFO(at);
    bool in_checksum = bad.find("fovea.crc32") == std::string::npos;
    CHECK((refusal(folder / "bad", checkpoint) != "" || in_checksum));
  }
}
