// SimCLR: two augmented views of an image attract, all other views of the batch repel.
// A Simple Framework for Contrastive Learning of Visual Representations (Chen et al., 2020), arXiv:2002.05709.
//
//   bin/simclr                                                Fashion-MNIST, ResNet-18; the report is in runs/last
//   bin/simclr --data fashion-mnist --limit 10000 --width 16  a small one for two cores: about two minutes
//   bin/simclr --data cifar10:DIR --epochs 100 --out runs/cifar
//   bin/simclr --resume runs/cifar                            goes on where it stopped
//
// The last lines printed are the accuracies of k-NN and a linear probe on the frozen features, beside those of the raw
// pixels and of the network before training. Defaults are those of lightly's benchmark: temperature 0.5, SGD with
// momentum 0.9 and weight decay 5e-4 on every parameter, cosine schedule. Small images get the CIFAR stem and no blur,
// as in the paper's appendix B.9. Both views pass through the network as one batch, so batch norm sees their statistics
// together.
#include <fovea/losses/nt_xent.h>
#include <fovea/models/simclr.h>

#include "common/run.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      "simclr", "SimCLR", "A Simple Framework for Contrastive Learning of Visual Representations (Chen et al., 2020)"};
  float temperature = 0.5f, strength = 0.5f, min_scale = 0.08f, weight_decay = 5e-4f;
  const std::vector<examples::Flag> flags = {
      {"--temperature", "of NT-Xent", &temperature, 1e-3, 100},
      {"--strength", "of the colour jitter", &strength, 0, 2},
      {"--min-scale", "of the random crops, as a share of the image's area", &min_scale, 0.01, 1},
      {"--weight-decay", "of every parameter", &weight_decay, 0, 1}};

  return examples::run(argc, argv, about, {}, flags, [&](const examples::Options& options) {
    data::Split split = examples::open_data(options);
    const int size = split.train->image_size();
    const bool small = size <= 64;
    const data::Recipe recipe{.size = size,
                              .scale = {min_scale, 1},
                              .jitter = {0.8f * strength, 0.8f * strength, 0.8f * strength, 0.2f * strength},
                              .blur = small ? 0.0f : 0.5f};
    data::Loader loader = examples::training_loader(options, split.train, data::Views({recipe, recipe}));

    manual_seed(uint64_t(options.seed));
    models::SimClr model(models::resnet18({.width = options.width, .cifar_stem = small}));
    model.to(options.device);
    nn::Sgd optimizer(nn::decay_groups(model, {.weight_decay = weight_decay, .norms_and_biases = true}),
                      {.momentum = 0.9});

    examples::Evaluator evaluator(
        options, model, [&](const Tensor& x) { return model.backbone(x); }, split);
    examples::fit(options, loader, model, optimizer, evaluator, [&](const data::Batch& batch, examples::Run& run) {
      Tensor z = model(batch.groups[0]);  // [2N, 128]: first views, then second views
      Tensor z0 = z.slice(0, batch.size()), z1 = z.slice(batch.size(), 2 * batch.size());
      run.watch(z0, z1);
      return losses::nt_xent(z0, z1, temperature);
    });
    examples::report(options, loader, model.backbone, evaluator);
  });
}
