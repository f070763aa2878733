#include "common/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <sstream>

#include "common/cli.h"

#include <fovea/config.h>
#include <fovea/core/check.h>
#include <fovea/core/safetensors.h>
#include <fovea/data/dataset.h>
#include <fovea/data/image/views.h>
#include <fovea/kernels/context.h>
#include <fovea/kernels/isa.h>
#include <fovea/models/backbones/zoo.h>
#include <fovea/models/training/checkpointer.h>
#include <fovea/models/training/folder.h>
#include <fovea/models/training/optimizers.h>

namespace fovea::examples {

namespace {

template <class... Args>
[[noreturn]] void usage(fmt::format_string<Args...> message, Args&&... args) {
  throw UsageError(fmt::format(message, std::forward<Args>(args)...));
}

std::string text_of(const Flag& flag) {
  return std::visit(
      [](const auto* value) -> std::string {
        if constexpr (std::is_same_v<decltype(value), const bool*>)
          return *value ? "true" : "false";
        else
          return fmt::format("{}", *value);
      },
      flag.value);
}

void set_text(const Flag& flag, const std::string& text) {
  bool ok = std::visit(
      [&]<class T>(T* value) {
        if constexpr (std::is_same_v<T, std::string>) {
          *value = text;
          return true;
        } else if constexpr (std::is_same_v<T, bool>) {
          *value = text == "true";
          return *value || text == "false";
        } else {
          auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
          return error == std::errc() && end == text.data() + text.size();
        }
      },
      flag.value);
  check(ok, "the checkpoint's {} is not readable: {}", flag.name, text);
}

// Calls `find`, whose Error a wrong command line is the reason of.
template <class Find>
void or_usage(Find&& find) {
  try {
    find();
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

void check_value(const Flag& flag) {
  std::visit(
      [&]<class T>(T* value) {
        if constexpr (std::is_same_v<T, std::string>) {
          if (flag.among) or_usage([&] { flag.among->find(*value, flag.name); });
        } else if constexpr (std::is_same_v<T, int> || std::is_same_v<T, int64_t> || std::is_same_v<T, float>) {
          double v = double(*value);
          if (v >= flag.low && v <= flag.high) return;
          if (std::isinf(flag.high))
            usage("{}: want {}, got {}", flag.name,
                  flag.low > 0 && flag.low < 1e-9 ? "a number above 0" : fmt::format("at least {}", flag.low), *value);
          usage("{}: want a number from {} to {}, got {}", flag.name, flag.low, flag.high, *value);
        }
      },
      flag.value);
}

const Choices<Device>& devices() {
  static const Choices<Device> all = {{"cpu", "the CPU", Device::cpu()},
                                      {"cuda", "the first NVIDIA GPU", Device::cuda()}};
  return all;
}

// What decides which data a program works on, and how it computes.
std::vector<Flag> data_flags(Options& o, std::string& device) {
  constexpr double kMany = std::numeric_limits<int>::max();
  return {
      choice("--data", "images to train and test on", &o.data, data::datasets()),
      {"--limit", "number of training images that are used, the first ones of the data set (0: all)", &o.limit, 0,
       kMany},
      choice("--backbone", "network that maps an image to its features", &o.backbone, models::backbones()),
      {"--width", "channels of the backbone's first stage; later stages have multiples of this number", &o.width, 1,
       1024},
      {"--seed", "seed of initial weights, order of the images and augmentations", &o.fit.seed, 0, kMany},
      {"--bf16", "compute matrix products and convolutions in bfloat16", &o.fit.bf16},
      choice("--device", "device that computes", &device, devices()),
      {"--workers", "threads that load and augment images", &o.fit.workers, 0, 256, false},
      {"--threads", "threads that compute (0: all cores)", &o.threads, 0, 1024, false},
  };
}

std::vector<Flag> training_flags(Options& o) {
  constexpr double kMany = std::numeric_limits<int>::max();
  constexpr double kAboveZero = std::numeric_limits<float>::denorm_min();
  return {
      {"--epochs", "number of passes over the training images", &o.fit.epochs, 1, 1e6},
      {"--steps", "number of training steps, in place of a number of epochs (0: train for the number of epochs)",
       &o.fit.steps, 0, kMany},
      {"--batch", "number of images N in a batch; each training step takes one batch", &o.fit.batch, 2, 1 << 20},
      {"--lr", "peak learning rate; if it is not given, the default times the batch size / 256", &o.fit.lr, kAboveZero,
       1e4},
      choice("--optimizer", "optimizer that updates the weights", &o.fit.optimizer, models::optimizers()),
      {"--weight-decay", "weight decay of the weights, with --decay-all of biases and norms too", &o.fit.weight_decay,
       0, 1},
      {"--decay-all", "apply the weight decay to biases and norms too", &o.fit.decay_all},
      {"--warmup",
       "fraction of the run in which the learning rate rises linearly from 0 to its peak; then it falls to 0 along "
       "half a cosine",
       &o.fit.warmup, 0, 0.99},
      choice("--views", "augmentations that make the views of an image, named after their paper", &o.views,
             data::view_recipes()),
      {"--strength", "factor on the strength of the colour jitter", &o.strength, 0, 10},
      {"--min-scale",
       "smallest area of a global crop, as a fraction of the image's area (0: what the chosen augmentations have)",
       &o.min_scale, 0, 1},
      {"--local-scale",
       "largest area of a local crop (multi-crop), as a fraction of the image's area (0: what the chosen augmentations "
       "have)",
       &o.local_scale, 0, 1},
      {"--blur", "factor on the probability of Gaussian blur (below 0: 1 for images above 64 pixels, otherwise 0)",
       &o.blur, -1, 10},
      {"--micro-batch",
       "number of views that pass through the backbone at once, to save memory (0: all views of the batch); batch norm "
       "takes its statistics over these",
       &o.fit.micro_batch, 0, kMany},
      {"--online-probe",
       "train a linear classifier on the backbone's features during the run; its gradient does not reach the backbone",
       &o.fit.online_probe},
      {"--few-labels",
       "labelled images of each class for the k-NN accuracy that chooses the best checkpoint (0: no labels; RankMe, "
       "the effective rank of the features, chooses)",
       &o.fit.few_labels, 0, kMany},
      {"--cuda-graph", "record the training step as a CUDA graph and replay it", &o.fit.cuda_graph, 0, 0, false},
      {"--clip", "largest L2 norm of all gradients together; a larger norm is scaled down to it (0: no limit)",
       &o.fit.clip, 0, 1e9},
      {"--out", "folder of the run's checkpoints, log and report", &o.fit.out, 0, 0, false},
      {"--eval-every", "number of epochs between two k-NN evaluations (0: only at the start and the end)",
       &o.fit.eval_every, 0, kMany, false},
      {"--log-every", "number of steps between two lines of the log", &o.fit.log_every, 1, kMany, false},
      {"--checkpoint-every", "number of steps between two checkpoints (0: one an epoch)", &o.fit.checkpoint_every, 0,
       kMany, false},
  };
}

// Takes the values of the run in `folder` for the flags that `given` does not name, and refuses the others that differ.
void adopt(const std::string& folder, const std::string& method, const std::vector<Flag>& flags,
           const std::function<bool(const Flag&)>& given) {
  std::filesystem::path file = std::filesystem::path(folder) / models::kCheckpointFile;
  if (!std::filesystem::exists(file)) usage("--resume: there is no {} to continue from", file.string());
  std::map<std::string, std::string> saved = load_safetensors(file).metadata;
  if (saved["method"] != method)
    usage("--resume: {} belongs to {}, not to {}", file.string(),
          saved["method"].empty() ? "another program" : saved["method"], method);
  std::string differences;
  for (const Flag& flag : flags) {
    auto found = saved.find(models::metadata_key(flag.name));
    if (found == saved.end()) continue;
    if (!given(flag))
      set_text(flag, found->second);
    else if (flag.identity && text_of(flag) != found->second)
      differences +=
          fmt::format("{}{} {} (it has {})", differences.empty() ? "" : ", ", flag.name, text_of(flag), found->second);
  }
  if (!differences.empty()) usage("--resume: the run in {} was started with other options: {}", folder, differences);
}

// Flags by the preset's name.
Choices<std::string> presets_of(const About& about) {
  std::vector<Choice<std::string>> out;
  for (const auto& [name, flags] : about.presets) out.emplace_back(name, flags, flags);
  return out;
}

// The command line with the preset's flags in front.
std::vector<std::string> arguments_of(int argc, const char* const* argv, const About& about) {
  std::vector<std::string> out(argv + 1, argv + argc);
  std::string name;
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i] == "--preset" && i + 1 < out.size()) name = out[i + 1];
    if (out[i].starts_with("--preset=")) name = out[i].substr(9);
  }
  if (name.empty()) return out;
  if (about.presets.empty()) usage("--preset: want none, as {} has no presets, got {}", about.method, name);
  or_usage([&] {
    std::istringstream words(presets_of(about).at(name, "--preset"));
    out.insert(out.begin(), std::istream_iterator<std::string>(words), {});
  });
  return out;
}

// Takes the device and refuses what does not go together or is not here.
void check_together(Options& options, const std::string& device) {
  if (options.fit.cuda_graph && options.fit.online_probe)
    usage("--cuda-graph: want no --online-probe, which reads every step");
  if (options.fit.out.empty()) usage("--out: want a folder");
  options.fit.device = devices().at(device, "--device");
  if (options.fit.device.is_cuda() && !kHasCuda) usage("--device cuda: this build of fovea has no CUDA backend");
  if (options.fit.device.is_cuda() && cuda_devices() == 0) usage("--device cuda: this machine has no CUDA device");
  if (options.fit.cuda_graph && options.fit.device.is_cpu()) usage("--cuda-graph: want --device cuda");
}

std::vector<CLI::Option*> add_flags(CLI::App& app, const std::vector<Flag>& flags) {
  std::vector<CLI::Option*> out;
  for (const Flag& flag : flags) {
    const std::string help = flag.among ? flag.help + ": " + flag.among->str() : flag.help;
    out.push_back(std::visit(
        [&]<class T>(T* value) {
          if constexpr (std::is_same_v<T, bool>)
            return app.add_flag(flag.name, *value, help)->take_last();
          else
            return app.add_option(flag.name, *value, help)->capture_default_str()->take_last();
        },
        flag.value));
  }
  return out;
}

// What stands below the flags: what each name that they take means.
std::string footer_of(const std::vector<Flag>& flags, const About& about) {
  std::string out;
  auto table = [&](const std::string& title, const ChoiceNames& names) {
    out += fmt::format("{}{}:\n", out.empty() ? "" : "\n", title);
    for (const ChoiceNames::Entry& entry : names.entries()) out += fmt::format("  {}: {}\n", entry.form, entry.help);
  };
  for (const Flag& flag : flags)
    if (flag.among) table(flag.name, *flag.among);
  if (!about.presets.empty()) table("Presets", presets_of(about));  // last: tests read to the end
  return out;
}

}  // namespace

bool parse(int argc, const char* const* argv, const About& about, Options& options, std::vector<Flag> flags) {
  kernels::isa();  // refuses a wrong FOVEA_ISA before anything starts
  CLI::App app(about.title + ": " + about.paper, about.method);
  app.get_formatter()->column_width(34);
  app.set_version_flag("--version", fmt::format("{} (fovea {})", about.method, kVersion), "Print the version and exit");

  std::string device = options.fit.device.is_cpu() ? "cpu" : "cuda";
  std::vector<Flag> all = data_flags(options, device);
  std::vector<Flag> training = about.trains ? training_flags(options) : std::vector<Flag>();
  if (!about.presets.empty())
    training.push_back(
        {"--preset", "name of a list of flags; flags given on the command line override it: " + presets_of(about).str(),
         &options.preset, 0, 0, false});
  all.insert(all.end(), training.begin(), training.end());
  all.insert(all.end(), flags.begin(), flags.end());
  app.footer(footer_of(all, about));
  const std::vector<CLI::Option*> parsed = add_flags(app, all);
  std::string resume_folder;
  CLI::Option* resume = nullptr;
  if (about.trains)
    resume = app.add_option("--resume", resume_folder,
                            "continue the run in the folder DIR (without DIR: in the output folder)")
                 ->expected(0, 1)
                 ->type_name("[DIR]");

  std::vector<std::string> arguments = arguments_of(argc, argv, about);
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    app.parse(arguments);
  } catch (const CLI::Success& e) {  // --help and --version
    app.exit(e);
    return false;
  } catch (const CLI::ParseError& e) {
    throw UsageError(what_is_wrong(app, e));
  }
  auto given = [&](const Flag& flag) {
    for (size_t i = 0; i < all.size(); ++i)
      if (all[i].name == flag.name) return parsed[i]->count() > 0;
    return false;
  };
  for (const Flag& flag : all) check_value(flag);
  options.fit.resume = resume && resume->count() > 0;
  if (options.fit.resume) {
    if (!resume_folder.empty()) {
      bool out_given = app.get_option("--out")->count() > 0;
      if (out_given && options.fit.out != resume_folder)
        usage("--resume {} continues in its own folder; leave out --out {}", resume_folder, options.fit.out);
      options.fit.out = resume_folder;
    }
    std::string folder = options.fit.out;
    adopt(folder, about.method, all, given);
    options.fit.out = folder;
    for (const Flag& flag : all) check_value(flag);
  }
  if (about.trains && !options.fit.resume && app.get_option("--lr")->count() == 0)
    options.fit.lr *= float(options.fit.batch) / 256;
  check_together(options, device);

  options.fit.program = argv[0], options.fit.method = about.method, options.fit.title = about.title;
  options.fit.paper = about.paper, options.fit.data = options.data;
  for (const Flag& flag : all) options.fit.settings.push_back({flag.name, text_of(flag), flag.identity});
  return true;
}

int run(int argc, char** argv, const About& about, Options options, std::vector<Flag> flags,
        const std::function<void(const Options&)>& body) {
  try {
    options.fit.device = default_device();
    if (!parse(argc, argv, about, options, std::move(flags))) return 0;
    if (options.threads > 0) kernels::set_threads(options.threads);
    body(options);
    return 0;
  } catch (const UsageError& e) {
    std::cerr << about.method << ": " << e.what() << " (" << about.method << " --help lists the flags)\n";
    return 2;
  } catch (const models::Interrupted& e) {
    std::cerr << about.method << ": " << e.what() << "\n";
    return 130;
  } catch (const std::exception& e) {
    std::cerr << about.method << ": " << e.what() << "\n";
    return 1;
  }
}

}  // namespace fovea::examples
