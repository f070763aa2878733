#include "common/run.h"

#include <cmath>
#include <csignal>
#include <limits>

#include <fovea/core/ops.h>
#include <fovea/core/safetensors.h>
#include <fovea/losses/contrastive/nt_xent.h>
#include <fovea/nn/io/checkpoint.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/layers/norm.h>

#include <fovea/models/training/folder.h>
#include <fovea/models/training/online_probe.h>
#include "support/catch.h"
#include "support/files.h"

using namespace fovea;
using namespace fovea::models;

namespace {

// Small, with everything that a run must restore: momentum, running statistics and random numbers.
struct Net : nn::Module {
  nn::Linear fc{{.in = 8 * 8 * 3, .out = 16, .bias = false}};
  nn::BatchNorm1d bn{{.features = 16}};
  Tensor operator()(const Tensor& x) { return bn(fc(flatten(x, 1))); }
  int64_t features() const { return 16; }
  void visit(nn::Visitor& v) override { v("fc", fc), v("bn", bn); }
  std::string describe() const override { return "Net"; }
};

data::Views small_views() {
  return data::Views({data::Recipe{.size = 8}, data::Recipe{.size = 8}});
}

// A run of `steps` steps over 64 drawn images, 4 steps an epoch. `twist` may change the loss of a step.
struct Trial {
  Options options;
  std::function<Tensor(const Tensor& loss, Net& net, Run& run)> twist = [](const Tensor& loss, Net&, Run&) {
    return loss;
  };

  explicit Trial(const std::filesystem::path& folder, int steps = 11) {
    options.data = "synthetic:64", options.batch = 16, options.steps = steps, options.lr = 0.1f, options.workers = 1;
    options.log_every = 1, options.out = folder.string(), options.method = options.program = "trial",
    options.title = "Trial";
  }
  void operator()(bool with_report = false) {
    manual_seed(7);
    models::Backbone model = Net();
    Net& net = static_cast<Net&>(model.net());
    nn::Sgd optimizer(nn::decay_groups(model, {.weight_decay = 1e-4}), {.momentum = 0.9});
    data::Split split = open_data(options);
    data::Loader loader = training_loader(options, split.train, small_views());
    data::Views still({data::Recipe{.size = 8, .jitter_p = 0}});
    Evaluator evaluator(
        options, model,
        [&](const Tensor& x) {
          return flatten(options.online_probe ? model(slice(slice(x, 1, 12, 20), 2, 12, 20)) : x, 1);
        },
        split);
    fit(options, loader, model, model, optimizer, evaluator, [&](const data::Batch& batch, Run& run) {
      Tensor z0 = run.features(model, batch.view(0) + 0.01 * randn(batch.view(0).shape())), z1 = net(batch.view(1));
      run.watch(z0, z1);
      return twist(losses::nt_xent(z0, z1, 0.5), net, run);
    });
    if (with_report) report(options, loader, model, evaluator);
  }
};

std::vector<double> losses_in(const std::filesystem::path& folder) {
  return Journal(folder / kMetricsFile).series("step", "loss").second;
}

}  // namespace

TEST_CASE("a run that was stopped and resumed has every loss of one that was not, to the bit", "[training]") {
  testing::TemporaryFolder whole, parts;
  Trial{whole.path()}();
  Trial stopped(parts.path());
  stopped.twist = [](const Tensor& loss, Net&, Run& run) {
    if (run.step() == 1 || run.step() == 5) std::raise(SIGINT);
    return loss;
  };
  CHECK_THROWS_WITH(stopped(), Catch::Contains("step 2 of 11") && Catch::Contains("--resume " + parts.path().string()));
  stopped.options.resume = true;
  CHECK_THROWS_AS(stopped(), Interrupted);
  CHECK(losses_in(parts.path()).size() == 6);
  stopped();
  REQUIRE(losses_in(whole.path()).size() == 11);
  CHECK(losses_in(parts.path()) == losses_in(whole.path()));
  auto accuracies = [](const auto& folder) { return Journal(folder.path() / kMetricsFile).series("step", "knn_top1"); };
  CHECK(accuracies(parts) == accuracies(whole));
}

TEST_CASE("a run that was killed after its last checkpoint repeats the lost steps exactly", "[training]") {
  testing::TemporaryFolder whole, parts;
  Trial{whole.path()}();
  // What kill -9 leaves: the checkpoint of step 4 beside the log of later steps.
  Trial killed(parts.path());
  struct Killed {};
  killed.twist = [](const Tensor& loss, Net&, Run& run) {
    if (run.step() == 7) throw Killed();
    return loss;
  };
  CHECK_THROWS_AS(killed(), Killed);
  CHECK(losses_in(parts.path()).size() == 7);
  Trial resumed(parts.path());
  resumed.options.resume = true;
  resumed();
  CHECK(losses_in(parts.path()) == losses_in(whole.path()));
}

TEST_CASE("the online probe learns beside the method, changes nothing for it and resumes to the bit", "[training]") {
  testing::TemporaryFolder without, whole, parts;
  Trial{without.path()}();
  Trial with(whole.path());
  with.options.online_probe = true;
  with();
  CHECK(losses_in(whole.path()) == losses_in(without.path()));
  Trial stopped(parts.path());
  stopped.options.online_probe = true;
  stopped.twist = [](const Tensor& loss, Net&, Run& run) {
    if (run.step() == 5) std::raise(SIGINT);
    return loss;
  };
  CHECK_THROWS_AS(stopped(), Interrupted);
  stopped.options.resume = true;
  stopped();
  auto probes = [](const auto& folder) { return Journal(folder.path() / kMetricsFile).series("step", "online_probe"); };
  CHECK(probes(whole).second.size() == 11);
  CHECK(probes(parts) == probes(whole));
  CHECK(Journal(whole.path() / kMetricsFile).series("step", "online_probe_top1").second.size() > 1);
}

TEST_CASE("the network runs over a few images at a time if it is asked to", "[training]") {
  testing::TemporaryFolder whole, same, parts;
  Trial{whole.path()}();
  auto with = [&](const std::filesystem::path& folder, int images) {
    Trial trial(folder);
    trial.options.micro_batch = images;
    trial();
    return losses_in(folder);
  };
  CHECK(with(same.path(), 16) == losses_in(whole.path()));
  std::vector<double> losses = with(parts.path(), 6);  // batch norm sees 6, 6 and 4 of the first view
  REQUIRE(losses.size() == 11);
  CHECK(losses[0] != losses_in(whole.path())[0]);
  CHECK(losses[0] == Approx(losses_in(whole.path())[0]).epsilon(0.3));
}

TEST_CASE("the online probe learns what its features tell", "[training]") {
  manual_seed(3);
  OnlineProbe probe(6, 3);
  Tensor labels = randint(0, 3, {32});
  Tensor features = randn({32, 6});
  for (int64_t i = 0; i < 32; ++i) features.data<float>()[6 * i + labels.data<int64_t>()[i]] += 8;
  for (int i = 0; i < 60; ++i) probe.learn(concat({features, features + 0.1}), labels);
  CHECK(*probe.accuracy() > 0.8);
  CHECK(!probe.accuracy());
  CHECK(probe.predict(features).to_vector<int64_t>() == labels.to_vector<int64_t>());
}

TEST_CASE("the backbone of the best epoch is kept, whatever comes after", "[training]") {
  testing::TemporaryFolder folder;
  Trial trial(folder.path(), 12);
  trial.twist = [](const Tensor& loss, Net& net, Run& run) {  // good at first, then nothing
    if (run.step() == 6) {
      NoGrad no_grad;
      net.fc.weight.value.fill_(0.01);
    }
    return loss;
  };
  trial.options.online_probe = true;  // features of the network itself
  trial();
  Journal journal(folder.path() / kMetricsFile);
  auto [steps, ranks] = journal.series("step", "rank_me");
  REQUIRE(steps.size() == 4);
  CHECK(ranks[1] > ranks[2]);
  CHECK(load_safetensors(folder / kBestFile).metadata.at("step") == "4");
}

TEST_CASE("a checkpoint of another network is refused", "[training]") {
  testing::TemporaryFolder folder;
  nn::Linear other({.in = 3, .out = 2});
  nn::Checkpoint checkpoint{&other, nullptr, {}, {{"step", "1"}}};
  nn::save_checkpoint(folder / kCheckpointFile, checkpoint);
  Trial trial(folder.path());
  trial.options.resume = true;
  CHECK_THROWS_WITH(trial(), Catch::Contains(kCheckpointFile) && Catch::Contains("fc.weight"));
}

TEST_CASE("a checkpoint whose metadata makes no sense is refused", "[training]") {
  testing::TemporaryFolder folder;
  Trial trial(folder.path(), 4);
  trial();
  trial.options.resume = true;
  const auto path = folder / kCheckpointFile;
  const SafeTensors whole = load_safetensors(path);
  auto resume_with = [&](const std::string& key, const std::string& value) {
    SafeTensors file = whole;
    file.metadata[key] = value;
    save_safetensors(path, file);
    trial();
  };
  CHECK_THROWS_WITH(resume_with("step", "5"), Catch::Contains("at most 4 steps") && Catch::Contains("got step 5"));
  CHECK_THROWS_WITH(resume_with("step", "12abc"), Catch::Contains("step, got \"12abc\""));
  CHECK_THROWS_WITH(resume_with("threads", "-1"), Catch::Contains("threads, got \"-1\""));
  CHECK_NOTHROW(resume_with("step", "4"));
}

TEST_CASE("a loss that is not finite stops the run, names step and tensor and keeps the last good checkpoint",
          "[training]") {
  testing::TemporaryFolder folder;
  Trial trial(folder.path());
  SECTION("a bad weight") {
    trial.twist = [](const Tensor& loss, Net& net, Run& run) {
      if (run.step() != 6) return loss;
      NoGrad no_grad;
      net.fc.weight.value.fill_(std::nan(""));
      return loss * std::nan("");
    };
    CHECK_THROWS_WITH(trial(), Catch::Contains("nan at step 7") && Catch::Contains("the parameter fc.weight") &&
                                   Catch::Contains(kCheckpointFile));
  }
  SECTION("a bad statistic") {
    trial.twist = [](const Tensor& loss, Net& net, Run& run) {
      if (run.step() != 6) return loss;
      net.bn.running_var.value.fill_(std::numeric_limits<double>::infinity());
      return loss * std::nan("");
    };
    CHECK_THROWS_WITH(trial(), Catch::Contains("the buffer bn.running_var"));
  }
  SECTION("a bad gradient") {
    trial.twist = [](const Tensor& loss, Net&, Run& run) {
      return run.step() == 6 ? loss * std::numeric_limits<double>::infinity() : loss;
    };
    CHECK_THROWS_WITH(trial(), Catch::Contains("inf at step 7") && Catch::Contains("the gradient of fc.weight"));
  }
  nn::Checkpoint checkpoint;
  nn::load_checkpoint(folder / kCheckpointFile, checkpoint);
  CHECK(checkpoint.metadata["step"] == "4");
  trial.twist = [](const Tensor& loss, Net&, Run&) { return loss; };
  trial.options.resume = true;
  trial();
  CHECK(losses_in(folder.path()).size() == 11);
}

TEST_CASE("weights that are not finite are not saved", "[training]") {
  testing::TemporaryFolder folder;
  Trial trial(folder.path());
  trial.twist = [](const Tensor& loss, Net& net, Run& run) {
    if (run.step() == 7) {
      NoGrad no_grad;
      net.bn.running_mean.value.fill_(std::nan(""));
    }
    return loss;
  };
  CHECK_THROWS_WITH(trial(), Catch::Contains("step 8") && Catch::Contains("bn.running_mean"));
  nn::Checkpoint checkpoint;
  nn::load_checkpoint(folder / kCheckpointFile, checkpoint);
  CHECK(checkpoint.metadata["step"] == "4");
}

TEST_CASE("the learning rate warms up and falls to zero along a cosine", "[training]") {
  testing::TemporaryFolder folder;
  Trial trial(folder.path(), 10);
  trial.options.warmup = 0.2f;
  trial();
  std::vector<double> lr = Journal(folder.path() / kMetricsFile).series("step", "lr").second;
  REQUIRE(lr.size() == 10);
  CHECK(lr[0] == Approx(0.05));
  CHECK(lr[1] == Approx(0.1));
  CHECK(lr[2] == Approx(0.1));
  CHECK(lr[9] == Approx(0).margin(1e-9));
}

TEST_CASE("gradients are clipped to the norm that is asked for", "[training]") {
  testing::TemporaryFolder folder;
  Trial trial(folder.path(), 3);
  trial.options.clip = 1e-6f, trial.options.lr = 1;
  std::vector<Tensor> weights;
  trial.twist = [&](const Tensor& loss, Net& net, Run&) {
    weights.push_back(net.bn.weight.value.clone());
    return loss;
  };
  trial();
  CHECK(max(abs(weights[1] - weights[0])).item() <= 1e-6);
}

TEST_CASE("a replayed step logs the numbers of one that runs, in their order", "[training]") {
  const auto logged = [](Run& step, Run& reader) {
    step.read_later([](Run& run) { run.log("read", 2); });
    step.chance(1);
    step.read_into(reader);
    return reader.logged;
  };
  Run eager({.position = Run::Position{}, .logging = true});
  Run recorded{Run::Context{}}, replayed({.position = Run::Position{}, .logging = true});
  const std::vector<std::pair<std::string, double>> expected = {{"chance_loss", 1}, {"read", 2}};
  CHECK(logged(eager, eager) == expected);
  CHECK(logged(recorded, replayed) == expected);
  Run silent({.position = Run::Position{}});
  CHECK(logged(silent, silent).empty());
}

TEST_CASE("a batch larger than the data is refused", "[training]") {
  testing::TemporaryFolder folder;
  Trial trial(folder.path());
  trial.options.batch = 65;
  CHECK_THROWS_WITH(trial(), Catch::Contains("--batch 65") && Catch::Contains("64 training images"));
}

TEST_CASE("a finished run leaves its files, all of them whole", "[training]") {
  testing::TemporaryFolder folder;
  Trial{folder.path(), 4}(true);
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"backbone.safetensors", "best.safetensors", "last.safetensors",
                                          "metrics.jsonl", "report.html", "summary.json"});
  std::string summary = testing::read_file(folder / kSummaryFile);
  for (const char* field : {"method", "data", "epochs", "images_per_second", "peak_memory_mb", "knn_top1", "knn_best",
                            "linear_top1", "baseline_pixels_knn", "baseline_random_knn", "seed", "version"})
    CHECK_THAT(summary, Catch::Contains(std::string("\"") + field + "\": ") &&
                            !Catch::Contains(std::string("\"") + field + "\": null"));
  std::string page = testing::read_file(folder / kReportFile);
  for (const char* part : {"Trial on synthetic", "What the network saw", "Map of the features", "Nearest neighbours",
                           "Effective rank", "Options"}) {
    INFO(part);
    CHECK(page.find(part) != std::string::npos);
  }
}
