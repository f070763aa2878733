#include "common/train.h"

#include <algorithm>

#include <fmt/format.h>

#include <fovea/models/backbones/zoo.h>

namespace fovea::examples {

namespace {

constexpr int kSmall = 64;  // pixels: the CIFAR stem and no blur up to here, as in SimCLR's appendix B.9

}  // namespace

data::Views make_views(const Options& options, int size) {
  const float blur = options.blur >= 0 ? options.blur : size > kSmall ? 1.0f : 0.0f;
  const data::MultiCropOptions crops{.size = size, .local_size = std::max(1, size / 2)};
  return data::view_recipes().at(options.views, "--views")(crops).with([&](data::Recipe& recipe) {
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
  return models::backbones().at(options.backbone, "--backbone")(resnet, generator);
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
