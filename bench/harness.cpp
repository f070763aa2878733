#include "harness.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "device_timer.h"

#include <fovea/core/allocator.h>
#include <fovea/core/dispatch.h>
#include <fovea/core/error.h>
#include <fovea/kernels/context.h>
#include <fovea/kernels/copy.h>
#include <fovea/kernels/isa.h>

namespace fovea::bench {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> v) {
  auto middle = v.begin() + std::ptrdiff_t(v.size() / 2);
  std::nth_element(v.begin(), middle, v.end());
  return *middle;
}

double deviation(const std::vector<double>& v, double center) {
  std::vector<double> distance;
  for (double x : v) distance.push_back(std::abs(x - center));
  return median(distance);
}

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown CPU";
}

const char* isa_name() {
  switch (kernels::isa()) {
    case kernels::Isa::avx512:
      return "AVX-512";
    case kernels::Isa::avx2:
      return "AVX2";
    case kernels::Isa::plain:
      break;
  }
  return "plain";
}

double copy_bandwidth(Device device, size_t bytes) {
  auto from = allocate_shared(device, bytes), to = allocate_shared(device, bytes);
  if (device.is_cuda()) {
    auto copy = [&] { dispatch(device, [&](auto& ctx) { kernels::copy_bytes(ctx, from.get(), to.get(), bytes); }); };
    return 2 * double(bytes) / measure(copy, 0.05, device).seconds;
  }
  const int parts = kernels::threads();
  const size_t part = bytes / size_t(parts);
  auto copy = [&] {
#pragma omp parallel for num_threads(parts)
    for (int i = 0; i < parts; ++i)
      std::memcpy(static_cast<char*>(to.get()) + size_t(i) * part, static_cast<char*>(from.get()) + size_t(i) * part,
                  part);
  };
  std::memset(from.get(), 1, bytes);
  return 2 * double(bytes) / measure(copy).seconds;
}

std::string duration(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.2f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.3f} s", seconds);
}

}  // namespace

// Samples of `sample`, a call's seconds, until the time is up or the noise is low.
static Timing sampled(const std::function<double()>& sample, double min_seconds) {
  std::vector<double> samples;
  Timing timing;
  const auto start = Clock::now();
  do {
    samples.push_back(sample());
    timing.seconds = median(samples);
    timing.noise = deviation(samples, timing.seconds) / timing.seconds;
  } while (samples.size() < 5 || seconds_since(start) < (timing.noise > 0.05 ? 5 : 1) * min_seconds);
  timing.samples = int(samples.size());
  return timing;
}

static Timing measure_on_device(const std::function<void()>& f, double min_seconds, [[maybe_unused]] Device device) {
  Timing timing;
  if constexpr (kHasCuda) {
    DeviceTimer timer(device);
    f();
    const int group = std::max(1, int(50e-6 / std::max(timer.seconds(f), 1e-9)));
    auto calls = [&] {
      for (int i = 0; i < group; ++i) f();
    };
    timing = sampled([&] { return timer.seconds(calls) / group; }, min_seconds);
    auto cold = [&] {
      timer.flush_l2();
      return timer.seconds(f);
    };
    timing.cold_seconds = sampled(cold, min_seconds / 2).seconds;
  }
  return timing;
}

Timing measure(const std::function<void()>& f, double min_seconds, Device device) {
  if (device.is_cuda()) return measure_on_device(f, min_seconds, device);
  f();
  auto start = Clock::now();
  f();
  const int group = std::max(1, int(50e-6 / std::max(seconds_since(start), 1e-9)));
  return sampled(
      [&] {
        auto begin = Clock::now();
        for (int i = 0; i < group; ++i) f();
        return seconds_since(begin) / group;
      },
      min_seconds);
}

Machine this_machine(Device device, size_t copy_bytes) {
  std::string name;
  if constexpr (kHasCuda)
    if (device.is_cuda()) name = device_name(device);
  if (device.is_cpu()) name = cpu_name() + ", " + isa_name();
  return {name, kernels::threads(), copy_bandwidth(device, copy_bytes), device};
}

std::string to_string(const Machine& machine) {
  return fmt::format("{}{}, copies {:.1f} GB/s", machine.name,
                     machine.device.is_cpu() ? fmt::format(", {} threads", machine.threads) : "",
                     machine.copy_bytes_per_second * 1e-9);
}

std::vector<std::string> columns() {
  return {"case",  "shape", "dtype",   "pass",    "median",  "cold",
          "noise", "GB/s",  "of copy", "GFLOP/s", "unfused", "vendor"};
}

std::vector<std::string> cells(const Row& row, const Machine& machine) {
  const double rate = row.bytes / row.timing.seconds;
  return {row.name,
          row.shape,
          row.dtype,
          row.pass,
          duration(row.timing.seconds),
          row.timing.cold_seconds > 0 ? duration(row.timing.cold_seconds) : "",
          fmt::format("{:.0f} %", row.timing.noise * 100),
          row.bytes > 0 ? fmt::format("{:.1f}", rate * 1e-9) : "",
          row.bytes > 0 ? fmt::format("{:.0f} %", 100 * rate / machine.copy_bytes_per_second) : "",
          row.flops > 0 ? fmt::format("{:.1f}", row.flops / row.timing.seconds * 1e-9) : "",
          row.unfused_seconds > 0 ? fmt::format("{:.2f} x", row.unfused_seconds / row.timing.seconds) : "",
          row.vendor_seconds > 0 ? fmt::format("{:.2f} x", row.vendor_seconds / row.timing.seconds) : ""};
}

std::string to_json(const std::vector<Row>& rows, const Machine& machine) {
  nlohmann::ordered_json out{{"machine", machine.name},
                             {"threads", machine.threads},
                             {"copy_bytes_per_second", machine.copy_bytes_per_second},
                             {"rows", nlohmann::ordered_json::array()}};
  for (const Row& row : rows)
    out["rows"].push_back({{"name", row.name},
                           {"shape", row.shape},
                           {"dtype", row.dtype},
                           {"pass", row.pass},
                           {"seconds", row.timing.seconds},
                           {"noise", row.timing.noise},
                           {"samples", row.timing.samples},
                           {"cold_seconds", row.timing.cold_seconds},
                           {"unfused_seconds", row.unfused_seconds},
                           {"vendor_seconds", row.vendor_seconds},
                           {"bytes", row.bytes},
                           {"flops", row.flops}});
  return out.dump(1);
}

std::vector<Row> rows_from_json(const std::string& path) {
  std::vector<Row> rows;
  try {
    std::ifstream file(path);
    for (const auto& row : nlohmann::json::parse(file).at("rows"))
      rows.push_back({.name = row.at("name"),
                      .shape = row.at("shape"),
                      .dtype = row.at("dtype"),
                      .pass = row.at("pass"),
                      .timing = {.seconds = row.at("seconds"), .noise = row.at("noise"), .samples = row.at("samples")},
                      .bytes = row.at("bytes"),
                      .flops = row.at("flops")});
  } catch (const nlohmann::json::exception& e) {
    throw Error(fmt::format("bench: '{}' is no file that --json wrote: {}", path, e.what()));
  }
  return rows;
}

bool same_case(const Row& a, const Row& b) {
  return a.name == b.name && a.shape == b.shape && a.dtype == b.dtype && a.pass == b.pass;
}

void rewrite_block(const std::string& path, const std::string& name, const std::string& text) {
  std::ifstream in(path);
  std::string all{std::istreambuf_iterator<char>(in), {}};
  const std::string begin = fmt::format("<!-- begin {} -->\n", name), end = fmt::format("<!-- end {} -->", name);
  const size_t first = all.find(begin), last = all.find(end);
  if (!in || first == std::string::npos || last == std::string::npos || last < first)
    throw Error(fmt::format("bench: want a file with the lines {} and {}, got '{}'", begin.substr(0, begin.size() - 1),
                            end, path));
  all.replace(first + begin.size(), last - first - begin.size(), text);
  std::ofstream out(path, std::ios::trunc);
  out << all << std::flush;
  if (!out) throw Error(fmt::format("bench: cannot write '{}'", path));
}

std::string markdown(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::string out = fmt::format("| {} |\n|", fmt::join(header, " | "));
  for (size_t i = 0; i < header.size(); ++i) out += "---|";
  for (const auto& row : rows) out += fmt::format("\n| {} |", fmt::join(row, " | "));
  return out + "\n";
}

}  // namespace fovea::bench
