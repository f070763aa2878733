#include "common/options.h"

#include <iostream>
#include <sstream>

#include <fovea/core/safetensors.h>
#include <fovea/data/dataset.h>
#include <fovea/data/image/views.h>
#include <fovea/models/backbones/zoo.h>
#include <fovea/models/training/checkpointer.h>
#include <fovea/models/training/folder.h>
#include <fovea/models/training/optimizers.h>

#include "support/catch.h"
#include "support/files.h"

using namespace fovea;
using namespace fovea::examples;

namespace {

const About kAbout{"demo", "Demo", "A paper (Somebody, 2020)"};

struct Parsed {
  Options options;
  float temperature = 0.5f;
};

Parsed parsed(std::vector<const char*> arguments) {
  Parsed out;
  arguments.insert(arguments.begin(), "demo");
  parse(int(arguments.size()), arguments.data(), kAbout, out.options,
        {{"--temperature", "of the loss", &out.temperature, 1e-3, 100}});
  return out;
}

// A checkpoint as parse() looks at it.
void write_checkpoint(const std::filesystem::path& folder, const std::string& method, const Options& options) {
  SafeTensors file;
  file.metadata["method"] = method;
  for (const models::FitOptions::Setting& value : options.fit.settings)
    file.metadata[models::metadata_key(value.name)] = value.text;
  save_safetensors(folder / models::kCheckpointFile, file);
}

}  // namespace

TEST_CASE("without flags the defaults hold", "[examples]") {
  Options options = parsed({}).options;
  CHECK(options.data == "fashion-mnist");
  CHECK(options.fit.batch == 256);
  CHECK(options.fit.lr == 0.06f);
  CHECK(!options.fit.resume);
  CHECK(options.fit.method == "demo");
}

TEST_CASE("flags set options and the example's own variables", "[examples]") {
  Parsed p = parsed({"--data", "synthetic:64", "--batch=32", "--lr", "1e-3", "--bf16", "--temperature", "0.1"});
  CHECK(p.options.data == "synthetic:64");
  CHECK(p.options.fit.batch == 32);
  CHECK(p.options.fit.lr == 1e-3f);
  CHECK(p.options.fit.bf16);
  CHECK(p.temperature == 0.1f);
  auto text = [&](const std::string& flag) {
    for (const auto& value : p.options.fit.settings)
      if (value.name == flag) return value.text;
    return std::string("absent");
  };
  CHECK(text("--lr") == "0.001");
  CHECK(text("--bf16") == "true");
  CHECK(text("--temperature") == "0.1");
}

TEST_CASE("without --lr the learning rate grows with the batch", "[examples]") {
  CHECK(parsed({"--batch", "64"}).options.fit.lr == Approx(0.015));
  CHECK(parsed({"--batch", "64", "--lr", "0.1"}).options.fit.lr == 0.1f);
}

TEST_CASE("a preset stands for flags, and those beside it win", "[examples]") {
  About about = kAbout;
  about.presets = {{"short", "--epochs 3 --lr 0.5 --bf16"}, {"long", "--epochs 800"}};
  auto with = [&](std::vector<const char*> arguments) {
    Options options;
    arguments.insert(arguments.begin(), "demo");
    parse(int(arguments.size()), arguments.data(), about, options);
    return options;
  };
  CHECK(with({"--preset", "long"}).fit.epochs == 800);
  Options options = with({"--epochs", "5", "--preset=short"});
  CHECK(options.fit.epochs == 5);
  CHECK(options.fit.lr == 0.5f);
  CHECK(options.fit.bf16);
  CHECK(options.preset == "short");
  CHECK_THROWS_WITH(with({"--preset", "medium"}), Catch::Contains("want one of short, long, got medium"));
  CHECK_THROWS_WITH(with({"--preset", "shrot"}), Catch::EndsWith("got shrot; did you mean short?"));
  CHECK_THROWS_AS(with({"--preset", "shrot"}), UsageError);
}

TEST_CASE("nonsense on the command line is refused by the flag's name", "[examples]") {
  auto refuses = [](std::vector<const char*> arguments, const std::string& words) {
    INFO(words);
    CHECK_THROWS_AS(parsed(arguments), UsageError);
    CHECK_THROWS_WITH(parsed(arguments), Catch::Contains(words));
  };
  refuses({"--bacth", "3"}, "--bacth");
  refuses({"stray"}, "stray");
  refuses({"--batch", "0"}, "--batch");
  refuses({"--batch", "-4"}, "--batch");
  refuses({"--batch", "many"}, "--batch");
  refuses({"--batch", "99999999999999"}, "--batch");
  refuses({"--batch"}, "--batch");
  refuses({"--lr", "nan"}, "--lr");
  refuses({"--lr", "inf"}, "--lr");
  refuses({"--lr", "-1"}, "--lr");
  refuses({"--lr", "0"}, "--lr");
  refuses({"--epochs", "0"}, "--epochs");
  refuses({"--epochs", "1.5"}, "--epochs");
  refuses({"--width", "-16"}, "--width");
  refuses({"--workers", "-1"}, "--workers");
  refuses({"--warmup", "1"}, "--warmup");
  refuses({"--temperature", "0"}, "--temperature");
  refuses({"--device", "tpu"}, "--device: want one of cpu, cuda, got tpu");
  if (!kHasCuda) refuses({"--device", "cuda"}, "no CUDA");
  refuses({"--out", ""}, "--out");
  refuses({"--resume", "/nowhere"}, "/nowhere");
}

TEST_CASE("a misspelt flag has its neighbour", "[examples]") {
  auto said = [](std::vector<const char*> arguments) {
    CHECK_THROWS_AS(parsed(arguments), UsageError);
    try {
      parsed(arguments);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK_THAT(said({"--bacth", "3"}), Catch::Contains("--bacth") && Catch::EndsWith("; did you mean --batch?"));
  CHECK_THAT(said({"--bacth=3", "--lr", "0.1"}), Catch::EndsWith("; did you mean --batch?"));
  CHECK_THAT(said({"--temprature", "3"}), Catch::EndsWith("; did you mean --temperature?"));  // the example's own
  CHECK_THAT(said({"--optimiser", "sgd"}), Catch::EndsWith("; did you mean --optimizer?"));
  CHECK_THAT(said({"--resum"}), Catch::EndsWith("; did you mean --resume?"));
  CHECK_THAT(said({"--no-such-flag"}), !Catch::Contains("did you mean"));
  CHECK_THAT(said({"stray"}), !Catch::Contains("did you mean"));
}

TEST_CASE("what is chosen by name is looked up before anything else happens", "[examples]") {
  auto refuses = [](const char* flag, const char* text, const std::string& words) {
    INFO(flag << " " << text);
    CHECK_THROWS_AS(parsed({flag, text}), UsageError);
    CHECK_THROWS_WITH(parsed({flag, text}),
                      Catch::StartsWith(flag + std::string(": want one of ")) && Catch::EndsWith(words));
  };
  refuses("--views", "simclt", "got simclt; did you mean simclr?");
  refuses("--views", "flow", "lejepa, lejepa-equal, got flow");
  refuses("--optimizer", "lars_lightly", "did you mean lars-lightly?");
  refuses("--backbone", "resnet81", "did you mean resnet18?");
  refuses("--backbone", "vgg16", "got vgg16");
  refuses("--data", "cifra10:/data", "did you mean cifar10:/data?");
  refuses("--device", "cdua", "did you mean cuda?");
  CHECK(parsed({"--views", "dino", "--optimizer", "adamw", "--backbone", "resnet50"}).options.views == "dino");
}

TEST_CASE("a program's own names are looked up as well, and --help lists all of them", "[examples]") {
  const Choices<int> losses = {{"nce", "noise contrast", 0}, {"softmax", "all of them", 1}};
  std::string loss = "nce";
  auto with = [&](std::vector<const char*> arguments) {
    Options options;
    arguments.insert(arguments.begin(), "demo");
    return parse(int(arguments.size()), arguments.data(), kAbout, options, {choice("--loss", "what", &loss, losses)});
  };
  CHECK(with({"--loss", "softmax"}));
  CHECK(loss == "softmax");
  CHECK_THROWS_WITH(with({"--loss", "sotfmax"}),
                    "--loss: want one of nce, softmax, got sotfmax; did you mean softmax?");
  std::ostringstream out;
  std::streambuf* const before = std::cout.rdbuf(out.rdbuf());
  const bool went_on = with({"--help"});
  std::cout.rdbuf(before);
  CHECK(!went_on);
  const std::string help = out.str();
  CHECK_THAT(help, Catch::Contains("--loss:\n  nce: noise contrast\n  softmax: all of them"));
  for (const ChoiceNames* names : std::initializer_list<const ChoiceNames*>{
           &data::datasets(), &data::view_recipes(), &models::backbones(), &models::optimizers()})
    for (const ChoiceNames::Entry& entry : names->entries())
      CHECK_THAT(help, Catch::Contains("  " + entry.form + ": " + entry.help + "\n"));
}

TEST_CASE("a resumed run takes the options of its checkpoint", "[examples]") {
  testing::TemporaryFolder folder;
  std::string path = folder.path().string();
  write_checkpoint(
      folder.path(), "demo",
      parsed({"--width", "16", "--lr", "0.1", "--temperature", "0.2", "--log-every", "3", "--bf16"}).options);
  Parsed p = parsed({"--resume", path.c_str()});
  CHECK(p.options.fit.resume);
  CHECK(p.options.fit.out == path);
  CHECK(p.options.width == 16);
  CHECK(p.options.fit.lr == 0.1f);
  CHECK(p.options.fit.bf16);
  CHECK(p.temperature == 0.2f);
  CHECK(p.options.fit.log_every == 3);

  SECTION("the folder may be given by --out") {
    Parsed q = parsed({"--out", path.c_str(), "--resume"});
    CHECK(q.options.fit.resume);
    CHECK(q.options.width == 16);
  }
  SECTION("what does not change the result may be given anew") {
    Parsed q = parsed({"--resume", path.c_str(), "--log-every", "7", "--workers", "1"});
    CHECK(q.options.fit.log_every == 7);
    CHECK(q.options.fit.workers == 1);
  }
  SECTION("the same value again is no contradiction") {
    CHECK(parsed({"--resume", path.c_str(), "--width", "16", "--lr", "0.1"}).options.width == 16);
  }
}

TEST_CASE("a run is not resumed with other options or by another method", "[examples]") {
  testing::TemporaryFolder folder;
  std::string path = folder.path().string();
  write_checkpoint(folder.path(), "demo", parsed({"--width", "16"}).options);
  CHECK_THROWS_WITH(parsed({"--resume", path.c_str(), "--width", "32", "--batch", "8"}),
                    Catch::Contains("--width 32 (it has 16)") && Catch::Contains("--batch 8 (it has 256)"));
  CHECK_THROWS_WITH(parsed({"--resume", path.c_str(), "--temperature", "0.1"}), Catch::Contains("--temperature"));
  CHECK_THROWS_WITH(parsed({"--resume", path.c_str(), "--out", "elsewhere"}), Catch::Contains("--out"));
  write_checkpoint(folder.path(), "byol", parsed({}).options);
  CHECK_THROWS_WITH(parsed({"--resume", path.c_str()}), Catch::Contains("belongs to byol"));
}

TEST_CASE("a program that does not train has no flags of training", "[examples]") {
  About tool{"tool", "Tool", "", false};
  Options options;
  const char* data[] = {"tool", "--data", "synthetic:8", "--width", "4"};
  CHECK(parse(5, data, tool, options));
  CHECK(options.width == 4);
  for (const char* flag : {"--epochs", "--lr", "--out", "--resume"}) {
    const char* arguments[] = {"tool", flag, "1"};
    CHECK_THROWS_WITH(parse(3, arguments, tool, options), Catch::Contains(flag));
  }
}
