// DirectCLR: SimCLR without a projector. InfoNCE sees a part of the backbone's own channels.
// Understanding Dimensional Collapse in Contrastive Self-supervised Learning (Jing et al., 2022), arXiv:2110.09348.
//
//   bin/directclr --preset short --data fashion-mnist --limit 10000 --width 16    a small one for two cores
//   bin/directclr --data imagefolder:DIR --epochs 100 --batch 512 --out runs/directclr
//
// A projector shields the backbone from the collapse of dimensions that a contrastive loss brings about. A loss that
// looks at 360 of 2048 channels does the same without one; the other channels learn through the residual connections.
// Accuracies are those of all channels.
#include <fovea/models/methods/contrastive/directclr.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::DirectClrOptions options;
  const examples::Program program{
      .about = {.method = "directclr",
                .title = "DirectCLR",
                .paper =
                    "Understanding Dimensional Collapse in Contrastive Self-supervised Learning (Jing et al., 2022)",
                .presets =
                    {{"imagenette-table",
                      "--epochs 800 --batch 256 --optimizer sgd --lr 0.06 --weight-decay 5e-4 --decay-all --warmup 0"},
                     {"lightly", "--channels 32 --temperature 0.5 --same-view-negatives"},
                     {"short", "--optimizer sgd --weight-decay 5e-4 --batch 128 --lr 0.24 --temperature 0.2"}}},
      .defaults = {.fit = {.lr = 0.3f, .optimizer = "lars", .weight_decay = 1e-6f, .warmup = 0.1f}, .views = "byol"},
      .flags = {
          {"--temperature", "temperature t of InfoNCE", &options.temperature, 1e-3, 100},
          {"--channels",
           "number of channels d that the loss sees, the first ones of the backbone's output (0: 360 of every 2048)",
           &options.channels, 0, 1 << 20},
          {"--same-view-negatives", "use NT-Xent in place of InfoNCE: other images of the same view are negatives too",
           &options.same_view_negatives}}};

  return examples::train(argc, argv, program,
                         [&](examples::Setup& setup) { return models::DirectClr(setup.backbone(), options); });
}
