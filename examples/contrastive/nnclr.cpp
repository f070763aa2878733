// NNCLR: the positive of a view is the other view's nearest neighbour among earlier images.
// With a Little Help from My Friends: Nearest-Neighbor Contrastive Learning of Visual Representations (Dwibedi et al.,
// 2021), arXiv:2104.14548.
//
//   bin/nnclr --preset short --limit 10000 --width 16     Fashion-MNIST, a small one for two cores
//   bin/nnclr --data cifar10:DIR --epochs 200 --out runs/cifar
//   bin/nnclr --preset imagenette-table --data imagefolder:DIR
//
// The defaults are the paper's, but for a support set of 4096 where it has 98304: it should be a part of the dataset
// that earlier batches refresh within an epoch. docs/methods/nnclr.md tells the rest.
#include <fovea/models/methods/contrastive/nnclr.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::NnclrOptions options;
  const examples::Program program{
      .about =
          {.method = "nnclr",
           .title = "NNCLR",
           .paper = "With a Little Help from My Friends: Nearest-Neighbor Contrastive Learning (Dwibedi et al., 2021)",
           .presets =
               {{"imagenette-table",
                 "--views simclr --nt-xent --temperature 0.5 --optimizer sgd --lr 0.06 --weight-decay 5e-4 "
                 "--decay-all --warmup 0 --epochs 800 --batch 256"},
                {"short",
                 "--views simclr --strength 2 --optimizer sgd --batch 128 --lr 0.24 --weight-decay 5e-4 --warmup 0 "
                 "--temperature 0.2 --hidden 512 --nt-xent"}}},
      .defaults = {.fit = {.lr = 0.3f, .optimizer = "lars", .weight_decay = 1e-6f, .warmup = 0.01f}, .views = "byol"},
      .flags = {{"--temperature", "temperature t that cosines are divided by", &options.temperature, 1e-3, 100},
                {"--support",
                 "number of rows of the support set Q: embeddings of earlier images, among which nearest neighbours "
                 "are found",
                 &options.support, 1, 1 << 24},
                {"--hidden", "units of the projector's hidden layers; the predictor's hidden layer has twice as many",
                 &options.hidden, 1, 1 << 20},
                {"--nt-xent",
                 "use NT-Xent in place of InfoNCE: neighbours and predictions of other images are both negatives, as "
                 "in lightly",
                 &options.nt_xent}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::Nnclr(setup.backbone(), options, setup.generator());
  });
}
