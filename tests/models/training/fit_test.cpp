#include <fovea/models/training/fit.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <limits>

#include <fovea/core/ops.h>
#include <fovea/core/safetensors.h>
#include <fovea/losses/contrastive/nt_xent.h>
#include <fovea/models/methods/page.h>
#include <fovea/models/training/folder.h>
#include <fovea/models/training/journal.h>
#include <fovea/models/training/online_probe.h>
#include <fovea/nn/io/checkpoint.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/layers/norm.h>

#include "support/catch.h"
#include "support/files.h"

using namespace fovea;
using namespace fovea::models;

namespace {

// Small, with everything that a run must restore: momentum, running statistics and random numbers. Of larger images it
// sees the middle.
struct Net : nn::Module {
  nn::Linear fc;
  nn::BatchNorm1d bn{{.features = 16}};
  explicit Net(Generator& generator) : fc({.in = 8 * 8 * 3, .out = 16, .bias = false}, generator) {}
  Tensor operator()(const Tensor& x) {
    const int64_t begin = (x.size(1) - 8) / 2;
    return bn(fc(flatten(slice(slice(x, 1, begin, begin + 8), 2, begin, begin + 8), 1)));
  }
  int64_t features() const { return 16; }
  void visit(nn::Visitor& v) override { v("fc", fc), v("bn", bn); }
  std::string describe() const override { return "Net"; }
};

using Twist = std::function<Tensor(const Tensor& loss, Net& net, Step& step)>;

struct Twisted : Method {
  Backbone backbone;
  Twist twist;

  Twisted(Generator& generator, Twist change) : backbone(Net(generator)), twist(std::move(change)) {}
  Tensor loss(const data::Batch& batch, Step& step) override {
    Tensor z0 = step.features(backbone, batch.view(0) + 0.01 * randn(batch.view(0).shape()));
    Tensor z1 = backbone(batch.view(1));
    step.watch(z0, z1);
    return twist(losses::nt_xent(z0, z1, 0.5), static_cast<Net&>(backbone.net()), step);
  }
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override { backbone.visit(v); }
  std::string describe() const override { return "Twisted"; }
};

Images small_images() {
  return {data::open_dataset("synthetic:64"), data::Views({data::Recipe{.size = 8}, data::Recipe{.size = 8}})};
}

// Each call is a run of `steps` steps over 64 drawn images, 4 steps an epoch, that starts with the same weights.
// `twist` may change the loss of a step.
struct Trial {
  FitOptions options;
  Twist twist = [](const Tensor& loss, Net&, Step&) { return loss; };

  explicit Trial(const std::filesystem::path& folder, int steps = 11) {
    options.batch = 16, options.steps = steps, options.lr = 0.1f, options.weight_decay = 1e-4f, options.workers = 1;
    options.log_every = 1, options.out = folder.string(), options.method = options.program = "trial";
    options.title = "Trial", options.data = "synthetic:64";
  }
  void operator()() const {
    Generator generator(7);
    Twisted method(generator, twist);
    fit(method, small_images(), generator, options);
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
  stopped.twist = [](const Tensor& loss, Net&, Step& step) {
    if (step.step() == 1 || step.step() == 5) std::raise(SIGINT);
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
  killed.twist = [](const Tensor& loss, Net&, Step& step) {
    if (step.step() == 7) throw Killed();
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
  stopped.twist = [](const Tensor& loss, Net&, Step& step) {
    if (step.step() == 5) std::raise(SIGINT);
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
  OnlineProbe probe({.features = 6, .classes = 3});
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
  trial.twist = [](const Tensor& loss, Net& net, Step& step) {  // good at first, then nothing
    if (step.step() == 6) {
      NoGrad no_grad;
      net.fc.weight.value.fill_(0.01);
    }
    return loss;
  };
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
    trial.twist = [](const Tensor& loss, Net& net, Step& step) {
      if (step.step() != 6) return loss;
      NoGrad no_grad;
      net.fc.weight.value.fill_(std::nan(""));
      return loss * std::nan("");
    };
    CHECK_THROWS_WITH(trial(), Catch::Contains("nan at step 7") && Catch::Contains("the parameter fc.weight") &&
                                   Catch::Contains(kCheckpointFile));
  }
  SECTION("a bad statistic") {
    trial.twist = [](const Tensor& loss, Net& net, Step& step) {
      if (step.step() != 6) return loss;
      net.bn.running_var.value.fill_(std::numeric_limits<double>::infinity());
      return loss * std::nan("");
    };
    CHECK_THROWS_WITH(trial(), Catch::Contains("the buffer bn.running_var"));
  }
  SECTION("a bad gradient") {
    trial.twist = [](const Tensor& loss, Net&, Step& step) {
      return step.step() == 6 ? loss * std::numeric_limits<double>::infinity() : loss;
    };
    CHECK_THROWS_WITH(trial(), Catch::Contains("inf at step 7") && Catch::Contains("the gradient of fc.weight"));
  }
  nn::Checkpoint checkpoint;
  nn::load_checkpoint(folder / kCheckpointFile, checkpoint);
  CHECK(checkpoint.metadata["step"] == "4");
  trial.twist = [](const Tensor& loss, Net&, Step&) { return loss; };
  trial.options.resume = true;
  trial();
  CHECK(losses_in(folder.path()).size() == 11);
}

TEST_CASE("weights that are not finite are not saved", "[training]") {
  testing::TemporaryFolder folder;
  Trial trial(folder.path());
  trial.twist = [](const Tensor& loss, Net& net, Step& step) {
    if (step.step() == 7) {
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
  trial.twist = [&](const Tensor& loss, Net& net, Step&) {
    weights.push_back(net.bn.weight.value.clone());
    return loss;
  };
  trial();
  CHECK(max(abs(weights[1] - weights[0])).item() <= 1e-6);
}

TEST_CASE("a replayed step logs the numbers of one that runs, in their order", "[training]") {
  const auto logged = [](Step& step, Step& reader) {
    step.read_later([](Step& read) { read.log("read", 2); });
    step.chance(1);
    step.read_into(reader);
    return reader.logged;
  };
  Step eager({.position = Position{}, .logging = true});
  Step recorded{Step::Context{}}, replayed({.position = Position{}, .logging = true});
  const std::vector<std::pair<std::string, double>> expected = {{"chance_loss", 1}, {"read", 2}};
  CHECK(logged(eager, eager) == expected);
  CHECK(logged(recorded, replayed) == expected);
  Step silent({.position = Position{}});
  CHECK(logged(silent, silent).empty());
}

TEST_CASE("a batch larger than the data is refused", "[training]") {
  testing::TemporaryFolder folder;
  Trial trial(folder.path());
  trial.options.batch = 65;
  CHECK_THROWS_WITH(trial(), Catch::Contains("at most the 64 training images, got 65"));
}

TEST_CASE("a finished run leaves its files, all of them whole", "[training]") {
  testing::TemporaryFolder folder;
  Trial trial(folder.path(), 4);
  trial.options.settings = {{"--lr", "0.1"}};
  trial();
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

TEST_CASE("a run leaves the process's random numbers where they are", "[training]") {
  testing::TemporaryFolder folder;
  manual_seed(11);
  randn({3});
  const uint64_t seed = default_generator().seed(), offset = default_generator().offset();
  Trial{folder.path(), 2}();
  CHECK(default_generator().seed() == seed);
  CHECK(default_generator().offset() == offset);
}

namespace {

// Two players: one fits a number to the batch's mean, the other to the first one's.
struct Duel : Method {
  struct Number : nn::Module {
    nn::Param value{Tensor::zeros({1})};
    void visit(nn::Visitor& v) override { v("value", value); }
    std::string describe() const override { return "Number"; }
  };
  Number leader, follower;
  std::vector<std::string> turns;

  Tensor loss(const data::Batch& batch, Step&) override {
    turns.push_back("leader");
    return mse_loss(leader.value, mean(batch.view(0)).reshape({1}));
  }
  std::vector<Player> players() override {
    return {{"leader", &leader, [this](const data::Batch& batch, Step& step) { return loss(batch, step); }},
            {"follower", &follower, [this](const data::Batch&, Step&) {
               turns.push_back("follower");
               return sum(square(follower.value - leader.value.value.detach() - 1));
             }}};
  }
  void before_step(const Position& at) override { turns.push_back("step " + std::to_string(at.step)); }
  void show(const data::Batch& batch, Page& page) override {
    page.sections.push_back({"Duel", "", Text{{std::to_string(batch.size()) + " images"}}});
  }
  void visit(nn::Visitor& v) override { v("leader", leader), v("follower", follower); }
  std::string describe() const override { return "Duel"; }
};

struct Listening : Listener {
  std::vector<int64_t> between, steps;
  int lines = 0, evaluations = 0;
  void between_steps(const Position& at) override { between.push_back(at.step); }
  void on_step(const StepDone& done) override {
    steps.push_back(done.at.step);
    lines += done.line != nullptr;
  }
  void on_evaluation(const Record&) override { ++evaluations; }
};

}  // namespace

TEST_CASE("players take turns, each with an optimiser of its own that a checkpoint restores", "[training]") {
  testing::TemporaryFolder whole, parts;
  auto run = [](Duel& duel, const std::filesystem::path& folder, int steps, bool resume) {
    Generator generator(3);
    fit(duel, small_images(), generator,
        {.steps = steps,
         .batch = 16,
         .lr = 0.05f,
         .workers = 0,
         .out = folder.string(),
         .resume = resume,
         .log_every = 1});
  };
  Duel once, first, second;
  run(once, whole.path(), 6, false);
  CHECK(std::vector<std::string>(once.turns.begin(), once.turns.begin() + 3) ==
        std::vector<std::string>{"step 0", "leader", "follower"});
  CHECK(once.follower.value.value.item() > once.leader.value.value.item());

  struct Killed : Listener {
    void on_step(const StepDone& done) override {
      if (done.at.step == 4) std::raise(SIGTERM);
    }
  } kill;
  Generator generator(3);
  CHECK_THROWS_AS(fit(first, small_images(), generator,
                      {.steps = 6,
                       .batch = 16,
                       .lr = 0.05f,
                       .workers = 0,
                       .out = parts.path().string(),
                       .log_every = 1,
                       .listeners = {&kill}}),
                  Interrupted);
  run(second, parts.path(), 6, true);
  for (const char* series : {"loss", "loss_follower"}) {
    auto numbers = [&](const auto& folder) { return Journal(folder.path() / kMetricsFile).series("step", series); };
    CHECK(numbers(whole).second.size() == 6);
    CHECK(numbers(parts) == numbers(whole));
  }
}

TEST_CASE("a method that keeps nothing is trained and reported on, and shows what it likes", "[training]") {
  testing::TemporaryFolder folder;
  Duel duel;
  Generator generator(3);
  fit(duel, small_images(), generator, {.steps = 2, .batch = 16, .workers = 0, .out = folder.path().string()});
  const std::string page = testing::read_file(folder / kReportFile);
  CHECK_THAT(page, Catch::Contains("<h2>Duel</h2><p>16 images</p>") && !Catch::Contains("Nearest neighbours"));
  CHECK_THAT(testing::read_file(folder / kSummaryFile), Catch::Contains("\"steps\": 2") && !Catch::Contains("knn"));
  CHECK(!std::filesystem::exists(folder / kBackboneFile));
}

TEST_CASE("a listener hears of every step, log line and evaluation", "[training]") {
  testing::TemporaryFolder folder;
  Trial trial(folder.path(), 5);
  trial.options.log_every = 2;
  Listening listening;
  trial.options.listeners = {&listening};
  trial();
  CHECK(listening.between == std::vector<int64_t>{0, 1, 2, 3, 4, 5});
  CHECK(listening.steps == std::vector<int64_t>{1, 2, 3, 4, 5});
  CHECK(listening.lines == 4);        // the first, the second, the fourth and the last
  CHECK(listening.evaluations == 3);  // before, after an epoch and at the end
}

TEST_CASE("two teachers of one player, or one without a student, are refused", "[training]") {
  struct Taught : Duel {
    Number teacher;
    std::vector<Follows> list;
    std::vector<Player> players() override { return Method::players(); }  // NOLINT: one player, not Duel's two
    std::vector<Follows> teachers() override { return list; }
  };
  testing::TemporaryFolder folder;
  Taught method;
  auto train = [&] {
    Generator generator(3);
    fit(method, small_images(), generator, {.steps = 1, .batch = 16, .workers = 0, .out = folder.path().string()});
  };
  auto half = [](const Position&) { return 0.5; };
  method.list = {{&method.teacher, "leader.", half}, {&method.teacher, "follower.", half}};
  CHECK_THROWS_WITH(train(), Catch::Contains("one teacher for each player"));
  method.list = {{&method.teacher, "nobody.", half}};
  CHECK_THROWS_WITH(train(), Catch::Contains("no player trains what a teacher follows"));
}
