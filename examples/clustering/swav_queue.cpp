// SwAV with queues: the projections of earlier batches help to balance the codes, for batches that are smaller than the
// number of prototypes.
// Unsupervised Learning of Visual Features by Contrasting Cluster Assignments (Caron et al., 2020), arXiv:2006.09882.
//
//   bin/swav_queue --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/swav_queue --data cifar10:DIR --epochs 300 --out runs/cifar
//   bin/swav_queue --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// Everything else is as in bin/swav. docs/methods/swav.md has the recipe beside the paper's.
#include <fovea/models/methods/clustering/swav.h>

#include "clustering/swav_flags.h"
#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::SwavOptions options{.queue = 3840};
  examples::Program program{
      .about =
          {.method = "swav_queue",
           .title = "SwAV with queues",
           .paper = "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments (Caron et al., 2020)",
           .presets =
               {{"imagenette-table",
                 "--epochs 800 --batch 256 --optimizer adam --lr 1e-3 --weight-decay 1e-6 --decay-all --queue 384"},
                {"short",
                 "--views simclr --strength 2 --batch 128 --optimizer sgd --lr 0.1 --weight-decay 5e-4 --warmup 0.1 "
                 "--prototypes 100 --frozen-prototypes 0 --epsilon 0.02 --queue 384 --queue-start 5"}}},
      .defaults = {.fit = {.lr = 0.6f, .optimizer = "lars", .weight_decay = 1e-6f, .decay_all = true}, .views = "swav"},
      .flags = examples::swav_flags(options)};
  program.flags.push_back({"--queue",
                           "number of recent projections Q in each of the two queues, one for each global crop",
                           &options.queue, 1, 1 << 24});
  program.flags.push_back({"--queue-start",
                           "number of epochs before the queued projections take part in Sinkhorn-Knopp",
                           &options.queue_start, 0, 1e6});

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::Swav(setup.backbone(), options, setup.generator());
  });
}
