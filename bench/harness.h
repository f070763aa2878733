#pragma once

#include <functional>
#include <string>
#include <vector>

#include <fovea/core/device.h>

// Timing: medians with their noise, beside what this machine can do at best.
namespace fovea::bench {

struct Timing {
  double seconds = 0;  // median time of a call
  double noise = 0;    // median absolute deviation, as a share of the median
  int samples = 0;
  double cold_seconds = 0;  // on a CUDA device: median time of a call that finds nothing in the L2 cache; else 0
};

// Calls f twice to warm up, then until `min_seconds` have passed and the noise is at most 5 %, or 5 * min_seconds have.
// Calls shorter than 50 us are timed in groups. On a CUDA device the times are the device's own.
Timing measure(const std::function<void()>& f, double min_seconds = 0.2, Device device = Device::cpu());

// What the numbers were measured on.
struct Machine {
  std::string name;  // the CPU's own name and the instruction set in use, or the device's
  int threads = 1;
  double copy_bytes_per_second = 0;  // copying 256 MiB, bytes read plus bytes written, all threads
  Device device{};
};
// A copy of `copy_bytes` says how fast memory is.
Machine this_machine(Device device, size_t copy_bytes = size_t(256) << 20);
std::string to_string(const Machine& machine);

// One measurement. bytes and flops are the least that a call must move and compute; 0 leaves the column empty.
struct Row {
  std::string name, shape, dtype, pass;
  Timing timing{};
  double bytes = 0, flops = 0;
  double unfused_seconds = 0, vendor_seconds = 0;  // from simpler ops, from NVIDIA's library; 0: not measured
};

// The columns of every table: case, shape, dtype, pass, median, cold, noise, GB/s, share of copy, GFLOP/s, and how many
// times as long the composition of simpler ops and NVIDIA's library take.
std::vector<std::string> columns();
std::vector<std::string> cells(const Row& row, const Machine& machine);

std::string to_json(const std::vector<Row>& rows, const Machine& machine);
// Median times by case, shape, dtype and pass from a file that to_json() wrote; throws Error if it is none.
std::vector<Row> rows_from_json(const std::string& path);
bool same_case(const Row& a, const Row& b);

// Replaces what is in `path` between the lines <!-- begin NAME --> and <!-- end NAME -->. Throws Error without them.
void rewrite_block(const std::string& path, const std::string& name, const std::string& text);
// Rows as a Markdown table.
std::string markdown(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

}  // namespace fovea::bench
