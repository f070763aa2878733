#include <fovea/models/training/journal.h>

#include <cmath>
#include <fstream>

#include "support/catch.h"
#include "support/files.h"

using namespace fovea;
using namespace fovea::models;

namespace {

size_t files_in(const std::filesystem::path& folder) {
  return size_t(std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

}  // namespace

TEST_CASE("a journal writes one JSON object a line and reads it back", "[training]") {
  testing::TemporaryFolder folder;
  Journal journal(folder.path() / "m.jsonl");
  journal.append({{"step", 1}, {"loss", 0.1f}, {"bad", std::nan("")}});
  journal.append({{"step", 2}, {"loss", 4.25}, {"knn_top1", 0.5}});
  CHECK(testing::read_file(folder.path() / "m.jsonl") ==
        "{\"step\": 1, \"loss\": 0.100000001, \"bad\": null}\n{\"step\": 2, \"loss\": 4.25, \"knn_top1\": 0.5}\n");

  Journal again(folder.path() / "m.jsonl");
  REQUIRE(again.records().size() == 2);
  CHECK(float(*find(again.records()[0], "loss")) == 0.1f);
  CHECK(std::isnan(*find(again.records()[0], "bad")));
  CHECK(again.at(2, "knn_top1") == 0.5);
  CHECK(!again.at(1, "knn_top1"));
  CHECK(again.series("step", "loss").first == std::vector<double>{1, 2});
}

TEST_CASE("a resumed journal drops what comes after the checkpoint and a line cut short", "[training]") {
  testing::TemporaryFolder folder;
  std::filesystem::path path = folder.path() / "m.jsonl";
  std::ofstream(path) << "{\"step\": 1, \"loss\": 3}\n{\"step\": 2, \"loss\": 2}\nnot json\n{\"step\": 3, \"loss\": "
                         "1}\n{\"step\": 2, \"lo";
  Journal journal(path, 2);
  CHECK(testing::read_file(path) == "{\"step\": 1, \"loss\": 3}\n{\"step\": 2, \"loss\": 2}\n");
  journal.append({{"step", 3}, {"loss", 7}});
  CHECK(testing::read_file(path) ==
        "{\"step\": 1, \"loss\": 3}\n{\"step\": 2, \"loss\": 2}\n{\"step\": 3, \"loss\": 7}\n");
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a journal writes the log lines and evaluations that it hears of", "[training]") {
  testing::TemporaryFolder folder;
  Journal journal(folder.path() / "m.jsonl");
  const Record line{{"step", 1}, {"loss", 2}}, evaluation{{"step", 1}, {"knn_top1", 0.5}};
  journal.on_step({});
  journal.on_step({.at = {}, .line = &line});
  journal.on_evaluation(evaluation);
  CHECK(journal.records() == std::vector<Record>{line, evaluation});
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a journal on a full disk says so", "[training]") {
  testing::TemporaryFolder folder;
  std::filesystem::create_symlink("/dev/full", folder.path() / "m.jsonl");
  CHECK_THROWS_WITH(Journal(folder.path() / "m.jsonl", 0).append({{"step", 1}}), Catch::Contains("No space left"));
}
