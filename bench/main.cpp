// bin/bench: how long every op takes here, forward and with its backward pass.
//
//   bin/bench                        the op table (small, awkward shapes: per-call cost) and shapes of training runs
//   bin/bench --filter conv --large  the rows whose name holds "conv", large shapes alone
//   bin/bench --json new.json --compare old.json
//   bin/bench --large --docs docs/benchmarks.md
//   bin/bench --peer CASE --threads 2 --seconds 5     one line of JSON for bench/peers/compare.py
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "cases.h"
#include "common/cli.h"
#include "harness.h"
#include "peer.h"

#include <fovea/core/error.h>
#include <fovea/core/random.h>
#include <fovea/kernels/context.h>

namespace fovea::bench {
namespace {

using testing::Inputs;
using testing::OpCase;

struct Settings {
  std::string filter, json, compare, docs, peer, device, once;
  bool large = false, small = false, graph = false, counted = false, prepare = false;
  int copy_mb = 256;
  int threads = 0;
  double seconds = 0.2;
};

// As make_inputs() of the op table, but quick for large shapes.
Inputs large_inputs(const OpCase& op, Dtype dtype) {
  Inputs inputs;
  Generator generator(1);
  for (const testing::Input& input : op.inputs) {
    if (input.fill == testing::Fill::index)
      inputs.push_back(randint(0, input.limit, input.shape, generator));
    else
      inputs.push_back(randn(input.shape, generator).to(dtype).set_requires_grad(input.differentiable));
  }
  return inputs;
}

std::string shapes(const OpCase& op) {
  std::string out;
  for (const testing::Input& input : op.inputs) out += (out.empty() ? "" : " ") + input.shape.str();
  return out;
}

Device device_of(const Settings& settings) {
  return settings.device == "cuda" ? Device::cuda() : Device::cpu();
}

Inputs on_device(Inputs inputs, Device device) {
  for (Tensor& x : inputs)
    if (x.device() != device) x = x.detach().to(device).set_requires_grad(x.requires_grad());
  return inputs;
}

// Appends the rows of one case: forward under NoGrad, then forward, record and backward.
void measure_case(const LargeCase& c, Inputs inputs, Dtype dtype, double seconds, std::vector<Row>& rows) {
  const OpCase& op = c.op;
  const Device device = inputs[0].device();
  double in = 0, grads = 0;
  for (const Tensor& x : inputs) {
    in += double(x.bytes());
    if (x.requires_grad()) grads += double(x.bytes());
  }
  Tensor y = op.f(inputs);
  const double out = double(y.bytes());
  Row row{.name = op.name,
          .shape = shapes(op),
          .dtype = std::string(name_of(dtype)),
          .pass = "forward",
          .bytes = in + out,
          .flops = c.flops};
  auto forward = [&](const auto& f) {
    return [&] {
      NoGrad no_grad;
      f(inputs);
    };
  };
  auto both = [&](const auto& f, const Tensor& dy) {
    return [&] {
      for (Tensor& x : inputs) x.zero_grad();
      f(inputs).backward(dy);
    };
  };
  row.timing = measure(forward(op.f), seconds, device);
  if (c.unfused) row.unfused_seconds = measure(forward(c.unfused), seconds, device).seconds;
  auto vendor = [&](bool backward) {
    return device.is_cuda() && c.vendor ? measure([&] { c.vendor(inputs, backward); }, seconds, device).seconds : 0;
  };
  row.vendor_seconds = vendor(false);
  rows.push_back(row);
  if (!y.requires_grad()) return;
  const Tensor dy = Tensor::ones(y.shape(), y.dtype(), device);
  y = {};
  row.pass = "forward + backward";
  row.bytes += out + in + grads;
  row.flops *= 1 + c.backward;
  row.timing = measure(both(op.f, dy), seconds, device);
  if (c.unfused) row.unfused_seconds = measure(both(c.unfused, dy), seconds, device).seconds;
  row.vendor_seconds = vendor(true);
  rows.push_back(row);
}

// The op table's rows hold a reference of their own: f32 must agree with f64 before its time means anything.
void verify(const OpCase& op, Device device) {
  NoGrad no_grad;
  const Tensor y = op.f(on_device(make_inputs(op, Dtype::f32), device)).to(Device::cpu());
  const double error = testing::relative_error(y, op.f(make_inputs(op, Dtype::f64)), op.zero);
  if (!(error <= op.f32_tolerance))
    throw Error(fmt::format("bench: '{}' is wrong: f32 is {:.2g} away from f64, {:.2g} is allowed", op.name, error,
                            op.f32_tolerance));
}

std::string line_of(const std::vector<std::string>& c) {
  return fmt::format("{:<34} {:<34} {:<5} {:<18} {:>10} {:>10} {:>6} {:>7} {:>7} {:>8} {:>8} {:>8}", c[0], c[1], c[2],
                     c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10], c[11]);
}

void print(const Row& row, const Machine& machine, const std::vector<Row>& old) {
  std::vector<std::string> c = cells(row, machine);
  std::string line = line_of(c);
  auto before = std::find_if(old.begin(), old.end(), [&](const Row& r) { return same_case(r, row); });
  if (before != old.end()) line += fmt::format("  {:.2f} x as long", row.timing.seconds / before->timing.seconds);
  if (row.timing.noise > 0.05) line += "  (noisy)";
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void run(const Settings& settings) {
  const Device device = device_of(settings);
  const Machine machine = this_machine(device, size_t(settings.copy_mb) << 20);
  fmt::print("{}\n\n", to_string(machine));
  const std::vector<std::string> head = columns();
  fmt::print("{}\n", line_of(head));
  const std::vector<Row> old = settings.compare.empty() ? std::vector<Row>{} : rows_from_json(settings.compare);
  std::vector<Row> rows;
  auto wanted = [&](const OpCase& op) { return op.name.find(settings.filter) != std::string::npos; };
  auto measured = [&](const LargeCase& c, const Inputs& inputs, Dtype dtype) {
    const size_t first = rows.size();
    measure_case(c, on_device(inputs, device), dtype, settings.seconds, rows);
    for (size_t i = first; i < rows.size(); ++i) print(rows[i], machine, old);
  };
  if (!settings.large)
    for (const OpCase& op : testing::op_cases()) {
      if (!wanted(op)) continue;
      verify(op, device);
      measured({op}, make_inputs(op, Dtype::f32), Dtype::f32);
    }
  for (const LargeCase& large : settings.small ? std::vector<LargeCase>{} : large_cases()) {
    if (!wanted(large.op)) continue;
    for (Dtype dtype : {Dtype::f32, Dtype::bf16})
      if (dtype == Dtype::f32 || large.op.bf16) measured(large, large_inputs(large.op, dtype), dtype);
  }
  if (rows.empty()) throw Error(fmt::format("bench: no case's name holds '{}'", settings.filter));
  if (!settings.json.empty()) {
    std::ofstream out(settings.json);
    out << to_json(rows, machine) << '\n' << std::flush;
    if (!out) throw Error(fmt::format("bench: cannot write '{}'", settings.json));
  }
  if (!settings.docs.empty()) {
    std::vector<std::vector<std::string>> table;
    for (const Row& row : rows) table.push_back(cells(row, machine));
    rewrite_block(settings.docs, device.is_cuda() ? "ops-cuda" : "ops",
                  to_string(machine) + ".\n\n" + markdown(head, table));
  }
}

// What bench/counted.py asks for: the names of its cases, and a single call of one of them.
void list_counted() {
  for (const CountedCase& c : counted_cases()) fmt::print("{}\t{:.0f}\n", c.name, c.flops);
}
void run_once(const Settings& settings) {
  for (const CountedCase& c : counted_cases()) {
    if (c.name != settings.once) continue;
    const std::function<void()> call = c.make(device_of(settings));
    if (!settings.prepare) call();
    wait_for(device_of(settings));
    return;
  }
  std::vector<std::string> names;
  for (const CountedCase& c : counted_cases()) names.push_back(c.name);
  throw Error(fmt::format("bench: --once: no case is called '{}'{} (--counted lists them)", settings.once,
                          did_you_mean(settings.once, names)));
}

int main(int argc, char** argv) {
  Settings settings;
  settings.device = default_device().is_cpu() ? "cpu" : "cuda";
  CLI::App app("Times fovea's ops on this machine", "bench");
  app.add_option("--filter", settings.filter, "measure only the cases whose name contains this text");
  app.add_flag("--large", settings.large, "measure only the shapes of training runs, not the op table's");
  app.add_flag("--small", settings.small, "measure only the op table's shapes, not those of training runs");
  app.add_option("--device", settings.device, "device that computes: cpu or cuda")
      ->check(examples::one_of({"cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--copy-mb", settings.copy_mb, "size in MiB of the copy that measures the memory bandwidth")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--counted", settings.counted,
               "list the cases of bench/counted.py, each with the number of operations that it must do, and exit");
  app.add_option("--once", settings.once,
                 "call one case of bench/counted.py a single time, for a profiler (--counted lists their names)");
  app.add_flag("--prepare", settings.prepare, "make the inputs of the case of --once, but do not call it");
  app.add_flag("--cuda-graph", settings.graph, "replay the training step of --peer as a CUDA graph");
  app.add_option("--threads", settings.threads, "number of threads that compute (default: OpenMP's choice)")
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", settings.seconds, "seconds that each measurement takes")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--json", settings.json, "file that the results are written to, as JSON");
  app.add_option("--compare", settings.compare,
                 "file of earlier results, written by --json: show the ratio of each time to the earlier one")
      ->check(CLI::ExistingFile);
  app.add_option("--docs", settings.docs, "Markdown file whose table of results is replaced");
  app.add_option("--peer", settings.peer,
                 "run one case of bench/peers, which PyTorch runs too, and print a line of JSON")
      ->check(examples::one_of(peer_cases()));
  if (const auto code = examples::parse(app, argc, argv)) return *code;
  if (settings.threads) kernels::set_threads(settings.threads);
  if (settings.device == "cuda" && cuda_devices() == 0) throw Error("bench: this machine has no CUDA device");
  if (settings.counted)
    list_counted();
  else if (!settings.once.empty())
    run_once(settings);
  else if (settings.peer.empty())
    run(settings);
  else
    fmt::print("{}\n", run_peer(settings.peer, {settings.seconds, device_of(settings), settings.graph}));
  return 0;
}

}  // namespace
}  // namespace fovea::bench

int main(int argc, char** argv) try { return fovea::bench::main(argc, argv); } catch (const std::exception& e) {
  fmt::print(stderr, "{}\n", e.what());
  return 1;
}
