#include <filesystem>
#include <set>
#include <string>

#include <fovea/nn/io/checkpoint.h>

#include "support/catch.h"
#include "support/method_rows.h"

using namespace fovea;
using namespace fovea::testing;

TEST_CASE("the method table has a row for every fixture of steps", "[methods]") {
  std::set<std::string> fixtures, names;
  for (const auto& entry : std::filesystem::directory_iterator(fixture("")))
    if (const std::string name = entry.path().filename().string(); name.ends_with("_steps.safetensors"))
      fixtures.insert(name);
  for (const MethodRow& row : method_rows()) names.insert(row.name + "_steps.safetensors");
  CHECK(names.size() == method_rows().size());
  CHECK(names == fixtures);
}

TEST_CASE("ten steps of every method follow PyTorch", "[methods]") {
  for (const MethodRow& row : method_rows()) {
    DYNAMIC_SECTION(row.name) {
      MethodRun run(row);
      std::vector<double> expected = Fixture(row.name + "_steps")["losses"].to_vector<double>();
      REQUIRE(expected.size() == 10);
      for (double loss : expected) {
        INFO("step " << run.steps);
        CHECK(run.step() == Approx(loss).epsilon(row.tolerance).margin(row.tolerance));
      }
    }
  }
}

TEST_CASE("every method goes on from a checkpoint to the bit", "[methods]") {
  for (const MethodRow& row : method_rows()) {
    DYNAMIC_SECTION(row.name) {
      TemporaryFolder folder;
      const auto file = folder / "last.safetensors";
      MethodRun first(row);
      for (int i = 0; i < 3; ++i) first.step();
      nn::save_checkpoint(file, {first.method.get(), &first.optimizer(), {{"default", &default_generator()}}, {}});
      std::vector<double> losses;
      for (int i = 0; i < 3; ++i) losses.push_back(first.step());
      MethodRun second(row);
      nn::Checkpoint checkpoint{second.method.get(), &second.optimizer(), {{"default", &default_generator()}}, {}};
      nn::load_checkpoint(file, checkpoint);
      second.steps = 3;
      for (double loss : losses) CHECK(second.step() == loss);
    }
  }
}

TEST_CASE("no gradient reaches a teacher, which follows its student", "[methods]") {
  for (const MethodRow& row : method_rows()) {
    DYNAMIC_SECTION(row.name) {
      MethodRun run(row);
      for (const models::Follows& teacher : run.method->teachers()) {
        std::vector<Tensor> before, after = teacher.module->parameters();
        for (const Tensor& t : after) before.push_back(t.clone());
        run.step();
        int moved = 0;
        for (size_t i = 0; i < after.size(); ++i) {
          CHECK(!after[i].requires_grad());
          CHECK(!after[i].grad().defined());
          moved += max(abs(after[i] - before[i])).item() > 0;
        }
        CHECK(moved > 0);
      }
    }
  }
}
