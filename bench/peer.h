#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

// The cases that bench/peers/ runs in PyTorch, run here: the same networks, shapes, steps and units.
namespace fovea::bench {

// What a case reports: "value" in "unit" (more is better), and medians or memory under further names ("forward_ms").
struct PeerResult {
  double value = 0;
  std::string unit;
  std::vector<std::pair<std::string, double>> details;
};

struct PeerCase {
  std::string name;
  std::function<PeerResult(double seconds)> run;
  bool one_thread = false;
};
std::vector<PeerCase> train_cases();  // SimCLR steps, NT-Xent
std::vector<PeerCase> math_cases();   // matrix products, k-NN
std::vector<PeerCase> data_cases();   // views, JPEG

std::vector<std::string> peer_cases();
// Runs a case of peer_cases() for about `seconds` and returns its line of JSON.
std::string run_peer(const std::string& name, double seconds);

double median(std::vector<double> samples);
// Median seconds of a call of f: two warm-up calls, then at least three, for `seconds`.
double median_seconds(const std::function<void()>& f, double seconds);
// `count` things a call of f, as things a second.
PeerResult rate(const std::function<void()>& f, double count, const char* unit, double seconds);

}  // namespace fovea::bench
