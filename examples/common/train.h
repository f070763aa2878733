#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fovea/data/image/views.h>
#include <fovea/models/backbones/backbone.h>
#include <fovea/models/methods/method.h>
#include <fovea/models/training/fit.h>

#include "common/options.h"

namespace fovea::examples {

// The views that the options ask for, of images of size x size (multi-crop: local views of half that size).
data::Views make_views(const Options& options, int size);
// --backbone at --width; for small images (up to 64 pixels) with the CIFAR stem.
models::Backbone make_backbone(const Options& options, int image_size, Generator& generator = default_generator());
// The dataset that --data and --limit name.
data::Split open_data(const Options& options);

// A program that trains a method: who it is, what it is told by default, and the flags of its own.
struct Program {
  About about;
  Options defaults = {};
  std::vector<Flag> flags = {};
  std::function<data::Views(const Options& options, int size)> views = make_views;
};

// What a method is made from: the run's options, images and random numbers.
class Setup {
 public:
  Setup(const Options& given, data::Split split) : options(given), split_(std::move(split)) {}
  const data::Split& split() const { return split_; }
  int64_t images() const { return split_.train->size(); }
  int64_t classes() const { return int64_t(split_.train->classes().size()); }
  // What weights are drawn from, and later the steps' random numbers.
  Generator& generator() { return generator_; }
  models::Backbone backbone() { return make_backbone(options, split_.train->image_size(), generator_); }

  const Options& options;

 private:
  data::Split split_;
  Generator generator_{uint64_t(options.fit.seed)};
};

// Trains the method on such views of the images, and reports.
void fit(models::Method& method, const data::Views& views, Setup& setup);

// main(): reads the command line, makes the method with `make(Setup&)`, which returns one (models/methods), trains it
// and reports on it. Returns the exit code.
template <class Make>
int train(int argc, char** argv, const Program& program, Make&& make) {
  return run(argc, argv, program.about, program.defaults, program.flags, [&](const Options& options) {
    Setup setup(options, open_data(options));
    const data::Views views = program.views(options, setup.split().train->image_size());
    auto method = make(setup);
    fit(method, views, setup);
  });
}

}  // namespace fovea::examples
