#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fovea/core/choices.h>
#include <fovea/core/error.h>
#include <fovea/models/training/fit.h>

namespace fovea::examples {

// What a run can be told on the command line, the same in every example; `--help` shows it with the defaults.
struct Options {
  models::FitOptions fit = {};         // lr is as a default for 256 images: without --lr it grows with --batch
  std::string data = "fashion-mnist";  // NAME or NAME:FOLDER
  int limit = 0;                       // use the first N training images; 0: all
  std::string backbone = "resnet18";
  int width = 64;                // channels of the backbone's first stage
  std::string views = "simclr";  // whose augmentations (data/image/views.h)
  float strength = 1;            // factor on their colour jitter
  float min_scale = 0;           // smallest global crop, as a share of the image's area; 0: the recipe's
  float local_scale = 0;         // largest local crop of multi-crop views; 0: the recipe's
  float blur = -1;               // factor on the blur's probability; below 0: 1, but 0 for images up to 64 pixels
  int threads = 0;               // threads that compute; 0: OpenMP's choice
  std::string preset = {};
};

// A flag of an example's own, for a hyperparameter that people sweep: {"--temperature", "temperature t of NT-Xent", &t}.
// Numbers outside [low, high] are refused.
struct Flag {
  std::string name, help;
  std::variant<int*, int64_t*, float*, bool*, std::string*> value;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool identity = true;                // as models::FitOptions::Setting
  const ChoiceNames* among = nullptr;  // the only texts that are taken; the help lists them
};

// A flag that takes a name of a table: choice("--loss", "what is minimised", &loss, losses).
inline Flag choice(std::string name, std::string help, std::string* value, const ChoiceNames& among) {
  return {.name = std::move(name), .help = std::move(help), .value = value, .among = &among};
}

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
