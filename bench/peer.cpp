#include "peer.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include <fovea/config.h>
#include <fovea/core/allocator.h>
#include <fovea/kernels/context.h>

namespace fovea::bench {

static std::vector<PeerCase> all_cases() {
  std::vector<PeerCase> all;
  for (auto make : {train_cases, math_cases, data_cases})
    for (PeerCase& peer : make()) all.push_back(std::move(peer));
  return all;
}

std::vector<std::string> peer_cases() {
  std::vector<std::string> names;
  for (const PeerCase& peer : all_cases()) names.push_back(peer.name);
  return names;
}

std::string run_peer(const std::string& name, const PeerOptions& options) {
  const std::vector<PeerCase> all = all_cases();
  const PeerCase& peer = *std::find_if(all.begin(), all.end(), [&](const PeerCase& p) { return p.name == name; });
  if (peer.one_thread) kernels::set_threads(1);
  const PeerResult result = peer.run(options);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  nlohmann::ordered_json line{{"case", name}, {"value", result.value}, {"unit", result.unit}};
  for (const auto& [key, value] : result.details) line[key] = value;
  line["threads"] = kernels::threads();
  line["peak_rss_mb"] = usage.ru_maxrss / 1024;
  line["device"] = options.device.str();
  if (options.device.is_cuda()) line["peak_device_mb"] = allocator(options.device).stats().peak >> 20;
  line["impl"] = std::string("fovea ") + kVersion;
  return line.dump();
}

double median(std::vector<double> samples) {
  auto middle = samples.begin() + std::ptrdiff_t(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

void wait_for([[maybe_unused]] Device device) {
  if constexpr (kHasCuda)
    if (device.is_cuda()) kernels::synchronize(kernels::cuda(device.index));
}

double median_seconds(const std::function<void()>& f, const PeerOptions& options) {
  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < 2; ++i) f();
  wait_for(options.device);
  std::vector<double> samples;
  const auto end = Clock::now() + std::chrono::duration<double>(options.seconds);
  while (samples.size() < 3 || Clock::now() < end) {
    auto start = Clock::now();
    f();
    wait_for(options.device);
    samples.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  return median(std::move(samples));
}

PeerResult rate(const std::function<void()>& f, double count, const char* unit, const PeerOptions& options) {
  const double step = median_seconds(f, options);
  return {count / step, unit, {{"step_ms", step * 1e3}}};
}

}  // namespace fovea::bench
