#include <fovea/models/training/folder.h>

#include <cmath>
#include <fstream>

#include <fovea/core/error.h>

#include "support/catch.h"
#include "support/files.h"

using namespace fovea;
using namespace fovea::models;

namespace {

size_t files_in(const std::filesystem::path& folder) {
  return size_t(std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

}  // namespace

TEST_CASE("a file is replaced whole or not at all", "[training]") {
  testing::TemporaryFolder folder;
  write_file(folder.path() / "a", "first");
  write_file(folder.path() / "a", "second");
  CHECK(testing::read_file(folder.path() / "a") == "second");
  CHECK(files_in(folder.path()) == 1);
  CHECK_THROWS_WITH(write_file(folder.path() / "missing" / "a", "x"),
                    Catch::Contains("missing") && Catch::Contains("No such file"));
}

TEST_CASE("a full disk is one clear error and leaves no temporary file", "[training]") {
  testing::TemporaryFolder folder;
  std::filesystem::create_symlink("/dev/full", folder.path() / "a.tmp");
  CHECK_THROWS_WITH(write_file(folder.path() / "a", "x"), Catch::Contains("a.tmp") && Catch::Contains("No space left"));
  CHECK(files_in(folder.path()) == 0);
  std::filesystem::create_symlink("/dev/full", folder.path() / "m.jsonl");
  CHECK_THROWS_WITH(append_to_file(folder.path() / "m.jsonl", "x"), Catch::Contains("No space left"));
}

TEST_CASE("a run's folder that cannot be made says why", "[training]") {
  testing::TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "x";
  CHECK_THROWS_WITH(prepare_folder(folder.path() / "file"), Catch::Contains("file: cannot make this folder"));
  CHECK_THROWS_WITH(prepare_folder(folder.path() / "file" / "run"), Catch::Contains("cannot make this folder"));
  prepare_folder(folder.path() / "a" / "b");
  CHECK(files_in(folder.path() / "a" / "b") == 0);
}

TEST_CASE("a new run clears its folder of the last one and of nothing else", "[training]") {
  testing::TemporaryFolder folder;
  for (const char* name : {"metrics.jsonl", "summary.json", "report.html", "last.safetensors", "best.safetensors",
                           "backbone.safetensors", "notes.txt"})
    std::ofstream(folder.path() / name) << "x";
  clear_folder(folder.path());
  CHECK(files_in(folder.path()) == 1);
  CHECK(testing::read_file(folder.path() / "notes.txt") == "x");
}

TEST_CASE("a summary has numbers, texts and nulls", "[training]") {
  CHECK(
      json(
          {{"n", 3.0, {}}, {"x", 0.76123456789, {}}, {"t", {}, "a\"b"}, {"none", {}, {}}, {"nan", std::nan(""), {}}}) ==
      "{\n  \"n\": 3,\n  \"x\": 0.761235,\n  \"t\": \"a\\\"b\",\n  \"none\": null,\n  \"nan\": null\n}\n");
}
