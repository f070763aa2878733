#include <fovea/nn/io/torch_state.h>

#include <set>

#include <fovea/core/check.h>
#include <fovea/core/safetensors.h>

namespace fovea::nn {

namespace {

bool is_convolution(const NamedTensor& t) {
  return t.is_param && t.value.rank() == 4;
}

Shape torch_shape(const NamedTensor& t, bool convolutions) {
  const Shape& s = t.value.shape();
  return convolutions && is_convolution(t) ? Shape{s[0], s[3], s[1], s[2]} : s;
}

// Loads, or throws with every difference that the options do not allow. `source` names where the state comes from.
std::vector<std::string> load(const std::string& source, Module& module, const std::map<std::string, Tensor>& state,
                              const LoadOptions& options) {
  std::vector<NamedTensor> tensors = module.state();
  std::vector<std::string> refused = state_differences(tensors, state, true, options);
  check(refused.empty(), "{} does not fit {}: {}", source, module.describe(), fmt::join(refused, "; "));
  copy_state(tensors, state, true);
  return state_differences(tensors, state, true);
}

}  // namespace

std::vector<std::string> state_differences(const std::vector<NamedTensor>& tensors,
                                           const std::map<std::string, Tensor>& state, bool convolutions,
                                           const LoadOptions& options) {
  std::vector<std::string> missing, out;
  std::set<std::string> unexpected;
  for (const auto& [name, t] : state) unexpected.insert(name);
  std::vector<std::string> shapes;
  for (const NamedTensor& t : tensors) {
    auto it = state.find(t.name);
    if (it == state.end()) {
      missing.push_back(t.name);
      continue;
    }
    unexpected.erase(t.name);
    Shape wanted = torch_shape(t, convolutions);
    if (it->second.shape() != wanted)
      shapes.push_back(fmt::format("{} is {}, want {}", t.name, it->second.shape(), wanted));
    if (is_float(it->second.dtype()) != is_float(t.value.dtype()))
      shapes.push_back(fmt::format("{} is {}, want {}", t.name, name_of(it->second.dtype()), name_of(t.value.dtype())));
  }
  if (!missing.empty() && !options.allow_missing) out.push_back(fmt::format("missing {}", fmt::join(missing, ", ")));
  if (!unexpected.empty() && !options.allow_unexpected)
    out.push_back(fmt::format("unexpected {}", fmt::join(unexpected, ", ")));
  out.insert(out.end(), shapes.begin(), shapes.end());
  return out;
}

void copy_state(const std::vector<NamedTensor>& tensors, const std::map<std::string, Tensor>& state,
                bool convolutions) {
  NoGrad no_grad;
  for (const NamedTensor& t : tensors) {
    auto it = state.find(t.name);
    if (it == state.end()) continue;
    bool permuted = convolutions && is_convolution(t);
    Tensor(t.value).copy_(permuted ? permute(it->second, {0, 2, 3, 1}) : it->second);
  }
}

std::map<std::string, Tensor> torch_state(Module& module) {
  NoGrad no_grad;
  std::map<std::string, Tensor> out;
  for (const NamedTensor& t : module.state())
    out.emplace(t.name, is_convolution(t) ? permute(t.value, {0, 3, 1, 2}) : t.value.detach());
  return out;
}

std::vector<std::string> load_torch_state(Module& module, const std::map<std::string, Tensor>& state,
                                          const LoadOptions& options) {
  return load("the state", module, state, options);
}

void save_weights(const std::filesystem::path& path, Module& module,
                  const std::map<std::string, std::string>& metadata) {
  save_safetensors(path, {torch_state(module), metadata});
}

std::vector<std::string> load_weights(const std::filesystem::path& path, Module& module, const LoadOptions& options) {
  return load(path.string(), module, load_safetensors(path).tensors, options);
}

}  // namespace fovea::nn
