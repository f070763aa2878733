// Supervised learning of the same network, for comparison: a linear classifier on the backbone, trained on the labels.
//
//   bin/supervised --data fashion-mnist --limit 10000 --width 16
//
// Every image is seen in two views, as the other methods see it. What k-NN and a linear probe make of the features
// tells what labels add to the same augmentations, steps and images.
#include <fovea/models/methods/supervised/supervised.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::SupervisedOptions options;
  const examples::Program program{
      .about = {.method = "supervised",
                .title = "Supervised",
                .paper = "Deep Residual Learning for Image Recognition (He et al., 2015)",
                .presets = {{"imagenette-table", "--epochs 800 --batch 256"},
                            {"short", "--batch 128 --lr 0.1 --min-scale 0.2"}}},
      .defaults = {.fit = {.lr = 0.1f}},
      .flags = {{"--label-smoothing",
                 "label smoothing e: the part of a label's probability that is spread evenly over all classes",
                 &options.label_smoothing, 0, 0.99}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    options.classes = setup.classes();
    return models::Supervised(setup.backbone(), options, setup.generator());
  });
}
