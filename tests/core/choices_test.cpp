#include <fovea/core/choices.h>

#include <fovea/core/error.h>

#include "support/catch.h"

using namespace fovea;

namespace {

const Choices<int> kMethods = {{"simclr", "Chen et al.", 1},
                               {"byol", "Grill et al.", 2},
                               {"moco", "He et al.", 3},
                               {"barlow-twins", "Zbontar et al.", 4}};
const Choices<int> kFiles = {{"cifar10", "needs a folder", 1, "cifar10:DIR"},
                             {"drawn", "may have a number", 2, "drawn[:N]"},
                             {"none", "stands alone", 3}};

std::string nearest(const std::string& text) {
  return nearest_name(text, {"simclr", "byol", "barlow-twins", "sgd", "cpu", "teacher-momentum", "final-momentum"});
}

}  // namespace

TEST_CASE("a name gives what stands beside it in the table", "[choices]") {
  CHECK(kMethods.at("byol", "--method") == 2);
  CHECK(kMethods.str() == "simclr, byol, moco, barlow-twins");
  CHECK(kMethods.entries()[2].help == "He et al.");
  CHECK(kMethods.entries()[2].form == "moco");
}

TEST_CASE("another name is refused with all that there are and the nearest", "[choices]") {
  CHECK_THROWS_AS(kMethods.at("simclt", "--method"), Error);
  CHECK_THROWS_WITH(kMethods.at("simclt", "--method"),
                    "--method: want one of simclr, byol, moco, barlow-twins, got simclt; did you mean simclr?");
  CHECK_THROWS_WITH(kMethods.at("vicreg", "--method"),
                    "--method: want one of simclr, byol, moco, barlow-twins, got vicreg");
  CHECK_THROWS_WITH(kMethods.at("", "method"), "method: want one of simclr, byol, moco, barlow-twins, got \"\"");
  CHECK_THROWS_WITH(Choices<int>({{"short", "", 1}}).at("shrot", "--preset"),
                    "--preset: want short, got shrot; did you mean short?");
}

TEST_CASE("what stands behind a colon belongs to names whose form has one", "[choices]") {
  CHECK(kFiles.at("cifar10:/data", "data") == 1);
  CHECK(kFiles.at("cifar10", "data") == 1);
  CHECK(kFiles.at("drawn:64", "data") == 2);
  CHECK(kFiles.at("drawn", "data") == 2);
  CHECK(kFiles.at("none", "data") == 3);
  CHECK_THROWS_WITH(kFiles.at("cifra10:/data", "data"),
                    "data: want one of cifar10:DIR, drawn[:N], none, got cifra10:/data; did you mean cifar10:/data?");
  CHECK_THROWS_WITH(kFiles.at("none:3", "data"), "data: want one of cifar10:DIR, drawn[:N], none, got none:3");
}

TEST_CASE("a misspelt name has a neighbour, and what is none has not", "[choices]") {
  CHECK(nearest("simclr") == "simclr");
  for (const char* text : {"simclt", "smclr", "simcllr", "smiclr", "SimCLR", "sim-clr"})
    CHECK(nearest(text) == "simclr");
  CHECK(nearest("sdg") == "sgd");
  CHECK(nearest("byo") == "byol");
  CHECK(nearest("barlow_twins") == "barlow-twins");
  CHECK(nearest("barlow") == "barlow-twins");
  CHECK(nearest("twins") == "barlow-twins");  // the only one that has it in it
  CHECK(nearest("techer-momentun") == "teacher-momentum");
  for (const char* text : {"", "gpu", "lars", "momentum", "dino", "x", "resnet18"}) {
    INFO(text);
    CHECK(nearest(text).empty());
  }
  CHECK(nearest_name("resnet", {"resnet18", "resnet34"}) == "resnet18");      // two letters away; of equals the first
  CHECK(nearest_name("swav", {"swav-multicrop", "swav-two-crops"}).empty());  // in both
}
