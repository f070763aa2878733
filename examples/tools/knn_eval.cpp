// How well the frozen features of a saved backbone tell classes apart: weighted k-NN (Wu et al., 2018) and a linear
// probe, beside the raw pixels.
//
//   bin/knn_eval --weights runs/last/backbone.safetensors --data fashion-mnist --limit 10000 --width 16
//
// The weights have torchvision's names and layouts: those that a run of simclr leaves, or torchvision's own without the
// classifier, saved as safetensors. --limit, --backbone and --width are those of the run.
#include <algorithm>
#include <iomanip>
#include <iostream>

#include <fovea/models/training/evaluations.h>
#include <fovea/models/training/standard_evaluations.h>
#include <fovea/nn/io/torch_state.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      "knn_eval", "k-NN and linear evaluation",
      "Unsupervised Feature Learning via Non-Parametric Instance Discrimination (Wu et al., 2018)",
      /*trains=*/false};
  std::string weights = "runs/last/backbone.safetensors";
  int k = 200;
  float temperature = 0.1f;
  const std::vector<examples::Flag> flags = {
      {"--weights", "safetensors file with the weights of the backbone", &weights},
      {"--k", "number of nearest neighbours k that vote", &k, 1, 1e6},
      {"--temperature", "temperature t of a vote's weight exp(cosine / t)", &temperature, 1e-3, 100}};

  return examples::run(argc, argv, about, {}, flags, [&](const examples::Options& options) {
    data::Split split = examples::open_data(options);
    models::Backbone backbone = examples::make_backbone(options, split.train->image_size());
    nn::load_weights(weights, backbone);
    backbone.to(options.fit.device);
    const models::Subject subject = models::subject_of(options.fit, backbone, split);
    models::Record scores;
    for (const auto& evaluation :
         models::standard_evaluations(options.fit, nullptr, {.k = k, .temperature = temperature}))
      if (evaluation.name == "k-NN" || evaluation.name == "linear probe" || evaluation.name == "raw pixels")
        for (const auto& score : evaluation.run(subject).scores) scores.push_back(score);
    auto score = [&](const char* name) { return models::find(scores, name).value(); };
    std::cout << "bank " << split.train->size() << " images, queries " << split.test->size()
              << ", k = " << std::min<int64_t>(k, split.train->size()) << ", T = " << temperature << std::fixed
              << std::setprecision(4) << "\nk-NN top-1    " << score("knn_top1") << "   raw pixels "
              << score("baseline_pixels_knn") << "\nlinear top-1  " << score("linear_top1") << "   raw pixels "
              << score("baseline_pixels_linear") << "\n";
  });
}
