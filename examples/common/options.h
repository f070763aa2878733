#pragma once

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fovea/core/device.h>
#include <fovea/core/error.h>

namespace fovea::examples {

// What a run can be told on the command line, the same in every example; `--help` shows it with the defaults.
struct Options {
  std::string data = "fashion-mnist";  // NAME or NAME:FOLDER
  int limit = 0;                       // use the first N training images; 0: all
  int epochs = 10;
  int steps = 0;  // train for N steps instead; 0: for the epochs
  int batch = 256;
  float lr = 0.06f;               // as a default for 256 images: without --lr it grows with --batch
  std::string optimizer = "sgd";  // sgd or lars (momentum 0.9), lars-lightly, adam, adamw
  float weight_decay = 5e-4f;
  bool decay_all = false;  // weight decay for biases and norms too
  float clip = 0;          // largest norm of all gradients together; 0: no limit
  float warmup = 0;        // share of the run over which the learning rate rises linearly
  std::string backbone = "resnet18";
  int width = 64;                // channels of the backbone's first stage
  std::string views = "simclr";  // whose augmentations (data/image/views.h)
  float strength = 1;            // factor on their colour jitter
  float min_scale = 0;           // smallest global crop, as a share of the image's area; 0: theirs
  float local_scale = 0;         // largest local crop of multi-crop views; 0: theirs
  float blur = -1;               // factor on their blur's probability; below 0: 1, but 0 for images up to 64 pixels
  int micro_batch = 0;           // images that pass through the network at once; 0: all
  bool online_probe = false;
  bool labelled = false;  // not a flag: the method trains on the labels, and the report says so
  int few_labels = 10;    // labelled images of each class for the choice of a checkpoint; 0: by RankMe alone
  std::string preset = {};
  int workers = 2;  // threads that load and augment images
  int seed = 0;
  int threads = 0;  // threads that compute; 0: OpenMP's choice
  Device device = Device::cpu();
  bool bf16 = false;
  bool cuda_graph = false;
  std::string out = "runs/last";
  bool resume = false;
  int eval_every = 1;        // epochs between two k-NN evaluations; 0: only before and after training
  int log_every = 10;        // steps between two log lines
  int checkpoint_every = 0;  // steps between two checkpoints; 0: one an epoch

  // Filled in by parse(): how the program was called, who runs, and every flag's final value as text, in the order of
  // --help.
  std::string program = {}, method = {}, title = {}, paper = {};
  struct Value {
    std::string flag, text;
    bool identity = true;  // a run cannot be resumed with another value
  };
  std::vector<Value> values = {};
};

// A flag of an example's own, for a hyperparameter that people sweep: {"--temperature", "of NT-Xent", &temperature}.
// Numbers outside [low, high] are refused.
struct Flag {
  std::string name, help;
  std::variant<int*, float*, bool*, std::string*> value;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool identity = true;  // as Options::Value
};

struct About {
  std::string method;  // "simclr": the program's name and summary.json's method
  std::string title;   // "SimCLR"
  std::string paper;   // "A Simple Framework for Contrastive Learning of Visual Representations (Chen et al., 2020)"
  bool trains = true;  // false: a tool without the flags of training (--epochs, --out, --resume, ...)
  // --preset NAME: flags by that name, before those of the command line, which win.
  std::vector<std::pair<std::string, std::string>> presets = {};
};

// A command line that makes no sense; what() names the flag.
class UsageError : public Error {
 public:
  using Error::Error;
};

// A run that was told to stop and has saved its state; what() says how to go on.
class Interrupted : public Error {
 public:
  using Error::Error;
};

// Where a checkpoint's metadata keeps the value of a flag: "option.lr" for "--lr".
std::string metadata_key(const std::string& flag);

// Reads the command line into `options` and the flags' variables, which hold the defaults. With --resume, flags that
// are not given take the values of the run in that folder. False when --help or --version was asked for and has been
// printed. Throws UsageError, also for a flag that contradicts the run to be resumed.
bool parse(int argc, const char* const* argv, const About& about, Options& options, std::vector<Flag> flags = {});

// The main() of an example: runs on default_device() unless --device says otherwise, parses, runs `body`, and turns
// every error into one line on stderr. Returns the exit code: 0, 1 for an error, 2 for a wrong command line, 130 for a
// run that was interrupted and saved.
int run(int argc, char** argv, const About& about, Options defaults, std::vector<Flag> flags,
        const std::function<void(const Options&)>& body);

}  // namespace fovea::examples
