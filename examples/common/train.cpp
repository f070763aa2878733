#include "common/train.h"

#include <algorithm>

#include <fmt/format.h>

#include <fovea/models/backbones/resnet.h>

namespace fovea::examples {

namespace {

constexpr int kSmall = 64;  // pixels: the CIFAR stem and no blur up to here, as in SimCLR's appendix B.9

data::Views views_of_paper(const std::string& name, int size) {
  const int local = std::max(1, size / 2);
  if (name == "simclr") return data::simclr_views(size);
  if (name == "byol") return data::byol_views(size);
  if (name == "simsiam") return data::simsiam_views(size);
  if (name == "fastsiam") return data::simsiam_views(size, 4);
  if (name == "mocov1") return data::mocov1_views(size);
  if (name == "swav") return data::swav_views(size, local);
  if (name == "dino") return data::dino_views(size, local);
  if (name == "smog") return data::smog_views(size);
  if (name == "vicreg") return data::vicreg_views(size);
  if (name == "vicregl") return data::vicregl_views(size);
  if (name == "lejepa") return data::lejepa_views(size, local);
  if (name == "lejepa-equal") return data::lejepa_equal_views(size);
  throw UsageError(
      fmt::format("--views: want simclr, byol, simsiam, fastsiam, mocov1, swav, dino, smog, vicreg, vicregl, lejepa or "
                  "lejepa-equal, got {}",
                  name));
}

}  // namespace

data::Views make_views(const Options& options, int size) {
  const float blur = options.blur >= 0 ? options.blur : size > kSmall ? 1.0f : 0.0f;
  return views_of_paper(options.views, size).with([&](data::Recipe& recipe) {
    data::ColorJitter& jitter = recipe.jitter;
    for (float* amount : {&jitter.brightness, &jitter.contrast, &jitter.saturation, &jitter.hue})
      *amount *= options.strength;
    jitter.hue = std::min(jitter.hue, 0.5f);
    recipe.blur = std::min(1.0f, recipe.blur * blur);
    if (options.min_scale > 0 && recipe.size == size) recipe.scale.low = options.min_scale;
    if (options.local_scale > 0 && recipe.size < size)
      recipe.scale = {std::min(recipe.scale.low, options.local_scale), options.local_scale};
  });
}

models::Backbone make_backbone(const Options& options, int image_size, Generator& generator) {
  const models::ResNetOptions resnet{.width = options.width, .cifar_stem = image_size <= kSmall};
  if (options.backbone == "resnet18") return models::resnet18(resnet, generator);
  if (options.backbone == "resnet34") return models::resnet34(resnet, generator);
  if (options.backbone == "resnet50") return models::resnet50(resnet, generator);
  throw UsageError(fmt::format("--backbone: want resnet18, resnet34 or resnet50, got {}", options.backbone));
}

data::Split open_data(const Options& options) {
  data::Split split = data::open_dataset(options.data);
  if (options.limit > 0) split.train = data::first(split.train, options.limit);
  return split;
}

void fit(models::Method& method, const data::Views& views, Setup& setup) {
  models::FitOptions options = setup.options.fit;
  if (setup.images() < options.batch)
    throw Error(fmt::format("--batch {} is more than the {} training images", options.batch, setup.images()));
  if (nn::Module* kept = method.kept())
    options.network = fmt::format("{}, width {}", kept->describe(), setup.options.width);
  models::fit(method, {setup.split(), views}, setup.generator(), options);
}

}  // namespace fovea::examples
