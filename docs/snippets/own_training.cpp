#include <filesystem>

#include <fovea/losses/contrastive/nt_xent.h>
#include <fovea/models/backbones/resnet.h>
#include <fovea/models/parts/heads.h>
#include <fovea/models/training/fit.h>

using namespace fovea;

// Images of our own: a small or a large disc on noise. Any thread may call these functions.
struct Discs : data::Dataset {
  int64_t count;
  std::vector<std::string> names = {"small", "large"};

  explicit Discs(int64_t images) : count(images) {}
  int64_t size() const override { return count; }
  int64_t label(int64_t i) const override { return i % 2; }
  const std::vector<std::string>& classes() const override { return names; }
  int image_size() const override { return 32; }
  data::Source get(int64_t i) const override {
    Rng rng{uint64_t(count), uint64_t(i)};
    data::Image image(32, 32);
    for (int at = 0; at < 32 * 32; ++at) {
      const int x = at % 32 - 16, y = at / 32 - 16, disc = x * x + y * y < (label(i) ? 100 : 16) ? 150 : 0;
      for (int c = 0; c < 3; ++c) image.data()[3 * at + c] = uint8_t(rng.integer(0, 80) + disc);
    }
    return image;
  }
};

// A method of our own: networks, and what happens in a step. It is a module, so a checkpoint holds all of it.
struct Own : models::Method {
  models::Backbone backbone;
  nn::Sequential head;

  explicit Own(Generator& generator)
      : backbone(models::resnet18({.width = 4, .cifar_stem = true}, generator)),
        head(models::mlp_head({backbone.features(), 16}, models::LastNorm::none, generator)) {}
  Tensor loss(const data::Batch& batch, models::Step& step) override {
    const auto [z1, z2] = models::two_views(head(step.features(backbone, batch.group(0))));
    step.watch(z1, z2);  // the collapse alarm reads what is watched
    return losses::nt_xent(z1, z2, 0.5);
  }
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("head", head); }
  std::string describe() const override { return "Own"; }
};

int main() {
  Generator generator(0);
  Own method(generator);
  const models::FitOptions options{.epochs = 2,
                                   .batch = 32,
                                   .lr = 0.05f,
                                   .out = "runs/own",
                                   .resume = std::filesystem::exists("runs/own/last.safetensors")};
  models::fit(method, {{std::make_shared<Discs>(128), std::make_shared<Discs>(64)}, data::simclr_views(32)}, generator,
              options);
}
