#include <cmath>
#include <set>

#include "support/catch.h"
#include "support/method_rows.h"

using namespace fovea;
using namespace fovea::testing;

namespace {

// Two processes, seen from the first: the second has the same samples, and three times as much of what is summed.
struct TwoProcesses : models::Ranks {
  int64_t world() const override { return 2; }
  Tensor gather(const Tensor& rows) override {
    ++calls;
    return concat({rows, rows});
  }
  Tensor sum(const Tensor& x) override {
    ++calls;
    return x + 3 * x;
  }
  int calls = 0;
};

// Methods whose loss is a mean over samples, and that remember nothing of them.
const std::set<std::string> kAlone = {"byol", "fastsiam", "simsiam", "supervised"};
// Methods with queues, which stand in the state as "<queue>.rows".
const std::set<std::string> kQueues = {"dense_cl", "moco", "nnclr", "smog", "swav_queue"};

std::vector<Tensor> queues(models::Method& method) {
  std::vector<Tensor> out;
  for (const nn::NamedTensor& entry : method.state())
    if (entry.name.ends_with(".rows") && entry.name != "bank.rows") out.push_back(entry.value);
  return out;
}

}  // namespace

TEST_CASE("a loss that compares samples sees those of all processes", "[methods][ranks]") {
  for (const MethodRow& row : method_rows()) {
    DYNAMIC_SECTION(row.name) {
      TwoProcesses ranks;
      MethodRun run(row);
      run.ranks = &ranks;
      CHECK(std::isfinite(run.step()));
      CHECK((ranks.calls > 0) == !kAlone.contains(row.name));
      for (const nn::NamedTensor& entry : run.method->named_parameters()) {
        INFO(entry.name);
        CHECK(std::isfinite(sum(entry.value).item()));
      }
    }
  }
}

TEST_CASE("a queue takes the rows of all processes", "[methods][ranks]") {
  for (const MethodRow& row : method_rows()) {
    DYNAMIC_SECTION(row.name) {
      TwoProcesses ranks;
      MethodRun alone(row), run(row);
      run.ranks = &ranks;
      CHECK(queues(*run.method).empty() == !kQueues.contains(row.name));
      alone.step();
      run.step();
      constexpr int64_t n = 8;  // images of a batch
      for (const Tensor& rows : queues(*alone.method))
        CHECK(relative_error(rows.slice(0, n), rows.slice(n, 2 * n)) > 0.01);
      for (const Tensor& rows : queues(*run.method)) CHECK(relative_error(rows.slice(0, n), rows.slice(n, 2 * n)) == 0);
    }
  }
}

TEST_CASE("DINO's centre moves to the mean over all processes", "[methods][ranks]") {
  for (const MethodRow& row : method_rows()) {
    if (row.name != "dino") continue;
    TwoProcesses ranks;
    MethodRun alone(row), run(row);
    run.ranks = &ranks;
    auto centre = [](models::Method& method) {
      for (const nn::NamedTensor& entry : method.state())
        if (entry.name == "loss.centre") return entry.value;
      throw Error("no centre");
    };
    REQUIRE(max(abs(centre(*run.method))).item() == 0);
    alone.step();
    run.step();
    CHECK(relative_error(centre(*run.method), 2 * centre(*alone.method)) < 1e-6);  // (1 + 3) / 2 times its own mean
  }
}
