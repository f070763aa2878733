#include <fovea/nn/io/checkpoint.h>

#include <charconv>

#include <fovea/core/check.h>
#include <fovea/core/safetensors.h>
#include <fovea/nn/io/torch_state.h>

namespace fovea::nn {

namespace {

const std::string kModel = "model.", kOptimizer = "optimizer.";
// Metadata that is ours, beside the caller's.
const std::string kReserved = "fovea.", kOptimizerName = kReserved + "optimizer", kGenerator = kReserved + "generator.";

template <class Value>
std::map<std::string, Value> with_prefix(const std::map<std::string, Value>& all, const std::string& prefix) {
  std::map<std::string, Value> out;
  for (auto it = all.lower_bound(prefix); it != all.end() && it->first.starts_with(prefix); ++it)
    out.emplace(it->first.substr(prefix.size()), it->second);
  return out;
}

// "seed offset", both in full; false unless that is all of the text.
bool parse_generator(const std::string& text, Generator& out) {
  uint64_t numbers[2] = {};
  const char *at = text.data(), *end = at + text.size();
  for (int i = 0; i < 2; ++i) {
    if (i == 1 && (at == end || *at++ != ' ')) return false;
    auto [next, error] = std::from_chars(at, end, numbers[i]);
    if (error != std::errc()) return false;
    at = next;
  }
  out = Generator(numbers[0], numbers[1]);
  return at == end;
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  SafeTensors file{{}, checkpoint.metadata};
  for (const auto& [key, value] : checkpoint.metadata)
    check(!key.starts_with(kReserved), "save_checkpoint: metadata keys that start with {} are taken, got {}", kReserved,
          key);
  if (checkpoint.module)
    for (auto& [name, t] : torch_state(*checkpoint.module)) file.tensors.emplace(kModel + name, t);
  if (checkpoint.optimizer) {
    for (const NamedTensor& t : checkpoint.optimizer->state()) file.tensors.emplace(kOptimizer + t.name, t.value);
    file.metadata[kOptimizerName] = checkpoint.optimizer->name();
  }
  for (const auto& [name, generator] : checkpoint.generators)
    file.metadata[kGenerator + name] = fmt::format("{} {}", generator->seed(), generator->offset());
  save_safetensors(path, file);
}

void load_checkpoint(const std::filesystem::path& path, Checkpoint& checkpoint) {
  SafeTensors file = load_safetensors(path);
  std::map<std::string, Tensor> model = with_prefix(file.tensors, kModel),
                                optimizer = with_prefix(file.tensors, kOptimizer);
  std::map<std::string, std::string> generators = with_prefix(file.metadata, kGenerator);
  std::vector<std::string> differences;
  auto note = [&](const std::string& part, const std::vector<std::string>& found) {
    if (!found.empty()) differences.push_back(fmt::format("{}: {}", part, fmt::join(found, "; ")));
  };

  std::vector<NamedTensor> module_state, optimizer_state;
  if (checkpoint.module) {
    module_state = checkpoint.module->state();
    note(checkpoint.module->describe(), state_differences(module_state, model, true));
  }
  if (checkpoint.optimizer) {
    optimizer_state = checkpoint.optimizer->state();
    const std::string wanted = checkpoint.optimizer->name(), saved = file.metadata[kOptimizerName];
    if (wanted == saved)
      note("optimiser " + wanted, state_differences(optimizer_state, optimizer, false));
    else
      note("optimiser", {fmt::format("{} was saved, want {}", saved.empty() ? "none" : "a " + saved, wanted)});
  }
  std::map<std::string, Generator> restored;
  for (const auto& [name, generator] : checkpoint.generators)
    if (!generators.contains(name) || !parse_generator(generators[name], restored[name]))
      note("generator", {name + (generators.contains(name) ? " has no seed and offset" : " was not saved")});
  check(differences.empty(), "{} does not fit: {}", path.string(), fmt::join(differences, "; "));

  copy_state(module_state, model, true);
  copy_state(optimizer_state, optimizer, false);
  for (const auto& [name, generator] : checkpoint.generators) *generator = restored[name];
  checkpoint.metadata = std::move(file.metadata);
  std::erase_if(checkpoint.metadata, [](const auto& item) { return item.first.starts_with(kReserved); });
}

}  // namespace fovea::nn
