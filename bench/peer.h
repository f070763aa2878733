#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fovea/core/device.h>

// The cases that bench/peers/ runs in PyTorch, run here: the same networks, shapes, steps and units.
namespace fovea::bench {

// What a case reports: "value" in "unit" (more is better), and medians or memory under further names ("forward_ms").
struct PeerResult {
  double value = 0;
  std::string unit;
  std::vector<std::pair<std::string, double>> details;
};

struct PeerOptions {
  double seconds = 5;
  Device device{};
  bool graph = false;  // training steps are replayed as a CUDA graph
};

struct PeerCase {
  std::string name;
  std::function<PeerResult(const PeerOptions&)> run;
  bool one_thread = false;  // and on the CPU, whatever the device
};
std::vector<PeerCase> train_cases();  // SimCLR steps, NT-Xent
std::vector<PeerCase> math_cases();   // matrix products, k-NN
std::vector<PeerCase> data_cases();   // views, JPEG

std::vector<std::string> peer_cases();
// Runs a case of peer_cases() for about so many seconds and returns its line of JSON.
std::string run_peer(const std::string& name, const PeerOptions& options);

double median(std::vector<double> samples);
// Returns when the device has done what it was asked to do.
void wait_for(Device device);
// Median seconds of a call of f and what it asks of the device: two warm-up calls, then at least three, for a while.
double median_seconds(const std::function<void()>& f, const PeerOptions& options);
// `count` things a call of f, as things a second.
PeerResult rate(const std::function<void()>& f, double count, const char* unit, const PeerOptions& options);

}  // namespace fovea::bench
