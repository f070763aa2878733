#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <fovea/nn/module.h>

// A module's state with PyTorch's names and layouts, so that torch's load_state_dict takes it and ours takes torch's.
// Names are equal already; rank-4 parameters (convolution weights O, kh, kw, I here, also ConvTranspose2d's I, kh, kw,
// O) are O, I, kh, kw there.
namespace fovea::nn {

std::map<std::string, Tensor> torch_state(Module& module);

struct LoadOptions {
  bool allow_missing = false;     // names of the module that the state lacks keep their values
  bool allow_unexpected = false;  // names of the state that the module lacks are passed over
};
// Writes `state` into the module, converting dtype and device. Strict: throws one Error that lists every missing and
// unexpected name and every difference in shape (in PyTorch's layout), and changes nothing then. Returns the
// differences that options allowed.
std::vector<std::string> load_torch_state(Module& module, const std::map<std::string, Tensor>& state,
                                          const LoadOptions& options = {});

// The same to and from a safetensors file.
void save_weights(const std::filesystem::path& path, Module& module,
                  const std::map<std::string, std::string>& metadata = {});
std::vector<std::string> load_weights(const std::filesystem::path& path, Module& module,
                                      const LoadOptions& options = {});

// How a list of named tensors differs from a state, as sentences without a full stop; empty when they fit.
// `convolutions`: rank-4 parameters are O, I, kh, kw in `state`.
std::vector<std::string> state_differences(const std::vector<NamedTensor>& tensors,
                                           const std::map<std::string, Tensor>& state, bool convolutions,
                                           const LoadOptions& options = {});
// Copies each tensor of `state` into the handle of its name; names that only one side has are passed over.
void copy_state(const std::vector<NamedTensor>& tensors, const std::map<std::string, Tensor>& state, bool convolutions);

}  // namespace fovea::nn
