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

// The optimisers by what their names in the file start with, after kOptimizer.
std::map<std::string, Optimizer*> optimizers_of(const Checkpoint& checkpoint) {
  std::map<std::string, Optimizer*> out;
  if (checkpoint.optimizer) out[""] = checkpoint.optimizer;
  for (const auto& [player, optimizer] : checkpoint.players) out[player + "."] = optimizer;
  return out;
}

// Where the metadata keeps the name of an optimiser.
std::string name_key(const std::string& prefix) {
  return prefix.empty() ? kOptimizerName : kOptimizerName + "." + prefix.substr(0, prefix.size() - 1);
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  SafeTensors file{{}, checkpoint.metadata};
  for (const auto& [key, value] : checkpoint.metadata)
    check(!key.starts_with(kReserved), "save_checkpoint: metadata keys that start with {} are taken, got {}", kReserved,
          key);
  if (checkpoint.module)
    for (auto& [name, t] : torch_state(*checkpoint.module)) file.tensors.emplace(kModel + name, t);
  for (const auto& [prefix, optimizer] : optimizers_of(checkpoint)) {
    for (const NamedTensor& t : optimizer->state()) file.tensors.emplace(kOptimizer + prefix + t.name, t.value);
    file.metadata[name_key(prefix)] = optimizer->name();
  }
  for (const auto& [name, generator] : checkpoint.generators)
    file.metadata[kGenerator + name] = fmt::format("{} {}", generator->seed(), generator->offset());
  save_safetensors(path, file);
}

void load_checkpoint(const std::filesystem::path& path, Checkpoint& checkpoint) {
  SafeTensors file = load_safetensors(path);
  std::map<std::string, Tensor> model = with_prefix(file.tensors, kModel);
  std::map<std::string, std::string> generators = with_prefix(file.metadata, kGenerator);
  std::vector<std::string> differences;
  auto note = [&](const std::string& part, const std::vector<std::string>& found) {
    if (!found.empty()) differences.push_back(fmt::format("{}: {}", part, fmt::join(found, "; ")));
  };

  struct State {
    std::vector<NamedTensor> wanted;
    std::map<std::string, Tensor> saved;
  };
  std::vector<NamedTensor> module_state;
  std::vector<State> optimizer_states;
  if (checkpoint.module) {
    module_state = checkpoint.module->state();
    note(checkpoint.module->describe(), state_differences(module_state, model, true));
  }
  for (const auto& [prefix, optimizer] : optimizers_of(checkpoint)) {
    const std::string what = prefix.empty() ? "optimiser" : "optimiser of " + prefix.substr(0, prefix.size() - 1);
    const std::string wanted = optimizer->name(), saved = file.metadata[name_key(prefix)];
    const State& state =
        optimizer_states.emplace_back(State{optimizer->state(), with_prefix(file.tensors, kOptimizer + prefix)});
    if (wanted == saved)
      note(fmt::format("{} {}", what, wanted), state_differences(state.wanted, state.saved, false));
    else
      note(what, {fmt::format("{} was saved, want {}", saved.empty() ? "none" : "a " + saved, wanted)});
  }
  std::map<std::string, Generator> restored;
  for (const auto& [name, generator] : checkpoint.generators)
    if (!generators.contains(name) || !parse_generator(generators[name], restored[name]))
      note("generator", {name + (generators.contains(name) ? " has no seed and offset" : " was not saved")});
  check(differences.empty(), "{} does not fit: {}", path.string(), fmt::join(differences, "; "));

  copy_state(module_state, model, true);
  for (const State& state : optimizer_states) copy_state(state.wanted, state.saved, false);
  for (const auto& [name, generator] : checkpoint.generators) *generator = restored[name];
  checkpoint.metadata = std::move(file.metadata);
  std::erase_if(checkpoint.metadata, [](const auto& item) { return item.first.starts_with(kReserved); });
}

}  // namespace fovea::nn
