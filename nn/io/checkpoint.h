#pragma once

#include <filesystem>
#include <map>
#include <string>

#include <fovea/core/random.h>
#include <fovea/nn/module.h>
#include <fovea/nn/train/optim.h>

namespace fovea::nn {

// What a checkpoint is made of. Everything that decides a run's later losses belongs in it: a run that goes on from a
// checkpoint then has the losses of the run that was never stopped, to the bit.
struct Checkpoint {
  Module* module = nullptr;
  Optimizer* optimizer = nullptr;                     // may be null
  std::map<std::string, Generator*> generators = {};  // by a name of the caller's: {"default", &default_generator()}
  std::map<std::string, std::string> metadata = {};   // the rest as text: epoch, place of the loader, a run's options
  std::map<std::string, Optimizer*> players = {};     // of a module that several optimisers train: each by its name
};

// Writes one safetensors file, atomically (core/safetensors.h). In it: the module's state as "model.<name>" in
// PyTorch's layouts, the optimiser's as "optimizer.<name>" (a player's as "optimizer.<player>.<name>"), generators and
// the caller's metadata in that of the file.
void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

// Restores what `checkpoint` points to and replaces its metadata by the file's. Parts of the file that are not asked
// for are left alone. Throws one Error that names the file and lists every difference (missing, unexpected, shapes,
// another optimiser), and changes nothing then.
void load_checkpoint(const std::filesystem::path& path, Checkpoint& checkpoint);

}  // namespace fovea::nn
