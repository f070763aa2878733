#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <fovea/core/device.h>
#include <fovea/core/error.h>
#include <fovea/core/random.h>
#include <fovea/data/dataset.h>
#include <fovea/data/image/views.h>
#include <fovea/models/methods/method.h>
#include <fovea/models/training/listener.h>

namespace fovea::models {

// How a run trains, what it measures, and where its files go.
struct FitOptions {
  int epochs = 10;
  int steps = 0;                  // train for N steps instead; 0: for the epochs
  int batch = 256;                // images a step
  float lr = 0.06f;               // the peak: it rises over `warmup` and falls to 0 along a cosine, step by step
  std::string optimizer = "sgd";  // make_optimizer()'s names
  float weight_decay = 5e-4f;
  bool decay_all = false;     // weight decay for biases and norms too
  float clip = 0;             // largest norm of all gradients together; 0: no limit
  float warmup = 0;           // share of the run over which the learning rate rises linearly
  int micro_batch = 0;        // images that pass through the network at once; 0: all
  bool online_probe = false;  // trains a linear classifier beside the method
  int few_labels = 10;        // labelled images of each class for the choice of a checkpoint; 0: by RankMe alone
  int workers = 2;            // threads that load and augment images
  int seed = 0;               // of the order and the augmentations
  Device device = Device::cpu();
  bool bf16 = false;              // matrix products and convolutions in bfloat16
  bool cuda_graph = false;        // record the step and replay it
  std::string out = "runs/last";  // the run's folder
  bool resume = false;            // go on where the checkpoint in `out` stands
  int eval_every = 1;             // epochs between two evaluations; 0: only before and after training
  int log_every = 10;             // steps between two log lines
  int checkpoint_every = 0;       // steps between two checkpoints; 0: one an epoch

  // What files and report call the run. Empty ones are passed over, or taken from the method's describe().
  std::string method = {}, title = {}, paper = {};
  std::string data = {};     // the images' name
  std::string network = {};  // a line about the network
  std::string program = {};  // that goes on with `program --resume DIR`
  struct Setting {
    std::string name, text;
    bool identity = true;  // a run cannot be resumed with another value
  };
  std::vector<Setting> settings = {};     // shown in the report, kept in the checkpoint's metadata as "option.<name>"
  std::vector<Listener*> listeners = {};  // hear of the run after the log and the alarm
};

// Images to train on (`split.train`), others to measure on (`split.test`), and the views that a batch has of each.
struct Images {
  data::Split split;
  data::Views views;
};

// A run that was told to stop and has saved its state; what() says how to go on.
class Interrupted : public Error {
 public:
  using Error::Error;
};

// Trains the method on views of the images and reports on what it keeps. The run's folder has afterwards
//
//   metrics.jsonl          a line of numbers every log_every steps and for each evaluation
//   last.safetensors       all that the run is made of
//   best.safetensors       kept() of the epoch with the best k-NN accuracy with a few labels (without: the best RankMe)
//   backbone.safetensors   kept() at the end; torchvision loads a ResNet's
//   summary.json, report.html
//
// `generator` is what the steps draw from, as default_generator(), and saved with each checkpoint: best the one that
// the weights were drawn from. With `resume` the run goes on where the checkpoint stands: method, optimisers, random
// numbers and place in the data are restored, and with the same number of threads every later loss is the same to the
// bit. A run that looks collapsed says so. Without kept(), or where it is no Backbone, nothing is evaluated
// but what Method::evaluations() asks for.
//
// Throws Error for images that do not fill a batch, for a checkpoint that does not fit, and when a loss is not finite,
// naming the step and the first tensor that is not either, with the last good checkpoint in place; Interrupted after
// Ctrl-C or SIGTERM. On a device nothing waits for a step but its log line: losses are read on logged steps alone. With
// cuda_graph all steps but the first are replayed.
void fit(Method& method, const Images& images, Generator& generator, const FitOptions& options = {});

}  // namespace fovea::models
