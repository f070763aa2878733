// VICRegL: VICReg of whole images, and VICReg of the places that two views of an image share.
// VICRegL: Self-Supervised Learning of Local Visual Features (Bardes et al., 2022), arXiv:2210.01571.
//
//   bin/vicregl --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/vicregl --data cifar10:DIR --epochs 300 --out runs/cifar
//   bin/vicregl --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// Which places two views share follows from their crops and flips, which the loader hands on with the batch. Networks,
// views, weights and optimiser are the paper's; docs/methods/vicregl.md tells the rest.
#include <fovea/models/methods/decorrelation/vicregl.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::VicRegLOptions options;
  const examples::Program program{
      .about =
          {.method = "vicregl",
           .title = "VICRegL",
           .paper = "VICRegL: Self-Supervised Learning of Local Visual Features (Bardes et al., 2022)",
           .presets =
               {{"imagenette-table",
                 "--views vicregl --epochs 800 --batch 256 --optimizer lars-lightly --lr 0.3 --weight-decay 1e-4 "
                 "--decay-all --warmup 0.025 --local 128 --layer-norm --matches 16"},
                {"short",
                 "--batch 128 --optimizer sgd --lr 0.06 --weight-decay 5e-4 --warmup 0.1 --local 128 --strength 2"}}},
      .defaults = {.fit = {.lr = 0.15f, .optimizer = "lars", .weight_decay = 1e-6f, .warmup = 0.03f}, .views = "byol"},
      .flags = {{"--alpha",
                 "weight alpha of the global loss: alpha VICReg of whole images + (1 - alpha) VICReg of matched places",
                 &options.alpha, 0, 1},
                {"--matches",
                 "number of pairs of places nearest in location that are used, from the first view to the second",
                 &options.matches, 1, 1 << 20},
                {"--matches-back",
                 "number of pairs of places nearest in location that are used, from the second view to the first",
                 &options.matches_back, 1, 1 << 20},
                {"--few-feature-matches",
                 "use as few pairs of places nearest in feature as pairs nearest in location, not one for each place",
                 &options.few_feature_matches},
                {"--projection", "units D of the projector's layers (0: four times the backbone's features)",
                 &options.width, 0, 1 << 20},
                {"--local", "units E of the layers of the local projector, which maps each place of the feature map",
                 &options.local, 2, 1 << 20},
                {"--layer-norm", "use layer norm in place of batch norm in the local projector", &options.layer_norm}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::VicRegL(setup.backbone(), options, setup.generator());
  });
}
