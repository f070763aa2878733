#include <fovea/models/training/checkpointer.h>

#include <charconv>
#include <cmath>

#include <fovea/config.h>
#include <fovea/core/check.h>
#include <fovea/kernels/context.h>
#include <fovea/models/training/finite.h>
#include <fovea/models/training/folder.h>

namespace fovea::models {

// The method, and beside it the probe.
struct Checkpointer::Trained : nn::Module {
  Method& method;
  OnlineProbe* probe;

  Trained(Method& trained, OnlineProbe* beside) : method(trained), probe(beside) {}
  void visit(nn::Visitor& v) override {
    method.visit(v);
    if (probe) v("online_probe", *probe);
  }
  std::string describe() const override { return "Trained"; }
};

Checkpointer::Checkpointer(const FitOptions& options, Method& method, OnlineProbe* probe,
                           std::map<std::string, nn::Optimizer*> optimizers, Generator& generator,
                           int64_t steps_per_epoch)
    : options_(options),
      method_(method),
      optimizers_(std::move(optimizers)),
      generator_(generator),
      per_epoch_(steps_per_epoch),
      path_(std::filesystem::path(options.out) / kCheckpointFile),
      all_(std::make_shared<Trained>(method, probe)) {}

std::string metadata_key(const std::string& setting) {
  return "option." + setting.substr(setting.starts_with("--") ? 2 : 0);
}

nn::Checkpoint Checkpointer::parts() {
  nn::Checkpoint out{.module = all_.get(), .generators = {{"default", &generator_}}};
  for (const auto& [name, optimizer] : optimizers_) {
    if (name.empty())
      out.optimizer = optimizer;
    else
      out.players[name] = optimizer;
  }
  return out;
}

static int64_t integer(const std::map<std::string, std::string>& metadata, const std::string& key,
                       const std::filesystem::path& path) {
  auto found = metadata.find(key);
  check(found != metadata.end(), "{}: its metadata has no {}", path.string(), key);
  const char *begin = found->second.data(), *end = begin + found->second.size();
  int64_t value = -1;
  const auto [rest, error] = std::from_chars(begin, end, value);
  check(error == std::errc() && rest == end && value >= 0, "{}: want a count as its metadata's {}, got \"{}\"",
        path.string(), key, found->second);
  return value;
}

Checkpointer::Resumed Checkpointer::restore(int64_t steps) {
  nn::Checkpoint checkpoint = parts();
  nn::load_checkpoint(path_, checkpoint);
  Resumed out{.step = integer(checkpoint.metadata, "step", path_)};
  check(out.step <= steps, "{}: want a run of at most {} steps, as this data and these flags make, got step {}",
        path_.string(), steps, out.step);
  trained = double(integer(checkpoint.metadata, "train_milliseconds", path_)) / 1e3;
  if (const int64_t threads = integer(checkpoint.metadata, "threads", path_); threads != kernels::threads())
    out.note = fmt::format("note: the run used {} threads so far; with {} its losses are no longer the same to the bit",
                           threads, kernels::threads());
  saved_ = out.step;
  return out;
}

void Checkpointer::between_steps(const Position& at) {
  const bool epoch_end = at.step % per_epoch_ == 0;
  const bool asked = options_.checkpoint_every > 0 && at.step % options_.checkpoint_every == 0;
  if (at.step == at.steps || epoch_end || asked) save(at);
}

void Checkpointer::save(const Position& at) {
  if (saved_ == at.step) return;
  if (std::string bad = first_not_finite(nullptr, method_); !bad.empty())
    throw_not_finite("a value is not finite", at.step, bad, path_);
  nn::Checkpoint checkpoint = parts();
  checkpoint.metadata = {{"method", options_.method},
                         {"version", kVersion},
                         {"step", std::to_string(at.step)},
                         {"train_milliseconds", std::to_string(std::llround(1e3 * trained))},
                         {"threads", std::to_string(kernels::threads())}};
  for (const FitOptions::Setting& setting : options_.settings)
    checkpoint.metadata[metadata_key(setting.name)] = setting.text;
  nn::save_checkpoint(path_, checkpoint);
  saved_ = at.step;
}

}  // namespace fovea::models
