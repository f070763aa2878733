// MMCR: the means of all images' views, as one matrix, get the largest nuclear norm that they can have.
// Learning Efficient Coding of Natural Images with Maximum Manifold Capacity Representations (Yerxa et al., 2023),
// arXiv:2303.03307.
//
//   bin/mmcr --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/mmcr --preset cifar --data cifar10:DIR --epochs 500                 the paper's: 40 views of 32 images
//   bin/mmcr --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// docs/methods/mmcr.md has the recipe beside the paper's.
#include <fovea/models/methods/decorrelation/mmcr.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::MmcrOptions options;
  int count = 2;
  const examples::Program program{
      .about = {.method = "mmcr",
                .title = "MMCR",
                .paper = "Maximum Manifold Capacity Representations (Yerxa et al., 2023)",
                .presets = {{"cifar", "--batch 32 --view-count 40 --lr 1e-3"},
                            {"imagenette-table",
                             "--epochs 800 --batch 256 --optimizer sgd --lr 0.06 --weight-decay 5e-4 --decay-all"},
                            {"short", "--batch 128 --lr 0.003"}}},
      .defaults = {.fit = {.lr = 1e-3f, .optimizer = "adam", .weight_decay = 1e-6f}},
      .flags = {{"--hidden", "units of the projector's hidden layer", &options.hidden, 1, 1 << 20},
                {"--embedding", "dimensions D of the embeddings, the projector's outputs", &options.out, 1, 1 << 20},
                {"--view-count", "number of views V of each image", &count, 2, 1000},
                {"--lambda", "weight lambda of the nuclear norm of Z_b, the views of image b: makes them compact",
                 &options.lambda, 0, 1000},
                {"--teacher-momentum",
                 "momentum m of a momentum network: momentum network = m momentum network + (1 - m) network (0: none)",
                 &options.momentum, 0, 1}},
      .views = [&](const examples::Options& run, int size) { return examples::make_views(run, size).cycle(count); }};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::Mmcr(setup.backbone(), options, setup.generator());
  });
}
