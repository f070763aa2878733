#include "common/training.h"

#include <algorithm>

#include <fovea/core/check.h>
#include <fovea/core/random.h>
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

models::Backbone make_backbone(const Options& options, int image_size) {
  const models::ResNetOptions resnet{.width = options.width, .cifar_stem = image_size <= kSmall};
  if (options.backbone == "resnet18") return models::resnet18(resnet);
  if (options.backbone == "resnet34") return models::resnet34(resnet);
  if (options.backbone == "resnet50") return models::resnet50(resnet);
  throw UsageError(fmt::format("--backbone: want resnet18, resnet34 or resnet50, got {}", options.backbone));
}

std::unique_ptr<nn::Optimizer> make_optimizer(const Options& options, nn::Module& model) {
  auto groups = nn::decay_groups(model, {.weight_decay = options.weight_decay, .norms_and_biases = options.decay_all});
  const std::string& name = options.optimizer;
  if (name == "sgd") return std::make_unique<nn::Sgd>(std::move(groups), nn::SgdOptions{.momentum = 0.9});
  if (name == "lars") return std::make_unique<nn::Lars>(std::move(groups));
  if (name == "lars-lightly")
    return std::make_unique<nn::Lars>(std::move(groups), nn::LarsOptions{.form = nn::LarsForm::lightly});
  if (name == "adam") return std::make_unique<nn::Adam>(std::move(groups));
  if (name == "adamw") return std::make_unique<nn::AdamW>(std::move(groups));
  throw UsageError(fmt::format("--optimizer: want sgd, lars, lars-lightly, adam or adamw, got {}", name));
}

Training::Training(const Options& options, const std::function<data::Views(int image_size)>& views)
    : options_(options),
      split_(open_data(options)),
      loader_(training_loader(
          options, split_.train,
          views ? views(split_.train->image_size()) : make_views(options, split_.train->image_size()))) {
  manual_seed(uint64_t(options.seed));
}

void Training::teacher(nn::Module& teacher, const std::string& prefix,
                       std::function<double(int64_t step, int64_t steps)> momentum) {
  teacher_ = &teacher, prefix_ = prefix, momentum_ = std::move(momentum);
}

void Training::fit(nn::Module& model, models::Backbone& kept, const Loss& loss) {
  model.to(options_.device);
  std::unique_ptr<nn::Optimizer> optimizer = make_optimizer(options_, model);
  if (teacher_) optimizer->set_teacher(*teacher_, prefix_);
  Evaluator evaluator(
      options_, model, [&](const Tensor& x) { return kept(x); }, split_);
  examples::fit(options_, loader_, model, kept, *optimizer, evaluator, loss, [&](const Run::Position& at) {
    if (teacher_) optimizer->set_teacher_momentum(momentum_(at.step, at.steps));
  });
  report(options_, loader_, kept, evaluator);
}

}  // namespace fovea::examples
