#include <fovea/models/training/evaluations.h>

#include <fovea/core/ops.h>
#include <fovea/losses/contrastive/nt_xent.h>
#include <fovea/models/training/folder.h>
#include <fovea/nn/layers/linear.h>

#include "support/catch.h"
#include "support/files.h"

using namespace fovea;
using namespace fovea::models;

namespace {

// Sees the middle of an image.
struct Net : nn::Module {
  nn::Linear fc;
  explicit Net(Generator& generator) : fc({.in = 8 * 8 * 3, .out = 16}, generator) {}
  Tensor operator()(const Tensor& x) {
    const int64_t begin = (x.size(1) - 8) / 2;
    return fc(flatten(slice(slice(x, 1, begin, begin + 8), 2, begin, begin + 8), 1));
  }
  int64_t features() const { return 16; }
  void visit(nn::Visitor& v) override { v("fc", fc); }
  std::string describe() const override { return "Net"; }
};

struct Measured : Method {
  Generator generator{7};
  Backbone backbone{Net(generator)};
  bool keeps = true;
  std::vector<Evaluation> own;

  Tensor loss(const data::Batch& batch, Step&) override {
    const Tensor noise = 0.01 * randn(batch.view(0).shape());
    return losses::nt_xent(backbone(batch.view(0) + noise), backbone(batch.view(1)), 0.5);
  }
  nn::Module* kept() override { return keeps ? &backbone : nullptr; }
  std::vector<Evaluation> evaluations() override { return own; }
  void visit(nn::Visitor& v) override { v("backbone", backbone); }
  std::string describe() const override { return "Measured"; }
};

// 64 images, 4 steps an epoch.
void train(Measured& method, const std::filesystem::path& folder, int steps, bool resume = false) {
  Generator generator(3);
  fit(method, {data::open_dataset("synthetic:64"), data::Views({data::Recipe{.size = 8}, data::Recipe{.size = 8}})},
      generator, {.steps = steps, .batch = 16, .workers = 0, .out = folder.string(), .resume = resume, .log_every = 1});
}

using Steps = std::vector<int64_t>;

// Scores the step, and shows it.
Evaluation tells_steps(const std::string& name, Evaluation::When when, Steps& asked) {
  return {name, when, [name, &asked](const Subject& s) {
            asked.push_back(s.at.step);
            return Findings{.scores = {{name, double(s.at.step)}},
                            .figures = {{name, "", Text{{"step " + std::to_string(s.at.step)}}}}};
          }};
}

size_t count(const std::string& text, const std::string& part) {
  size_t out = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++out;
  return out;
}

}  // namespace

TEST_CASE("a method's own evaluation is in metrics.jsonl, summary.json and the report", "[training]") {
  testing::TemporaryFolder folder;
  Measured method;
  Steps often, once;
  method.own = {tells_steps("often", {.before = true, .epochs = true}, often),
                tells_steps("once", {.after = true}, once)};
  train(method, folder.path(), 10);
  CHECK(often == Steps{0, 4, 8, 10});
  CHECK(once == Steps{10});
  const Journal journal(folder / kMetricsFile);
  CHECK(journal.series("step", "often").second == std::vector<double>{0, 4, 8, 10});
  CHECK(journal.series("step", "once").second.empty());
  CHECK_THAT(testing::read_file(folder / kSummaryFile),
             Catch::Contains("\"often\": 10") && Catch::Contains("\"once\": 10") && Catch::Contains("\"knn_top1\": 0"));
  const std::string page = testing::read_file(folder / kReportFile);
  for (const char* figure : {"<h2>often</h2><p>step 10</p>", "<h2>once</h2><p>step 10</p>", "<figcaption>often<"})
    CHECK(count(page, figure) == 1);
  CHECK(count(page, "<h2>often") == 1);

  train(method, folder.path(), 10, true);  // what is logged is not logged again, and the figures are still there
  CHECK(often == Steps{0, 4, 8, 10, 10});
  CHECK(once == Steps{10, 10});
  CHECK(Journal(folder / kMetricsFile).records() == journal.records());
  CHECK_THAT(testing::read_file(folder / kReportFile), Catch::Contains("<h2>often</h2><p>step 10</p>"));
}

TEST_CASE("an evaluation sees features of a method that is not training", "[training]") {
  testing::TemporaryFolder folder;
  Measured method;
  method.own = {{"look", {.after = true}, [&](const Subject& s) {
                   CHECK(!method.training());
                   CHECK(s.bank.values.shape() == Shape{64, 16});
                   CHECK(s.bank.labels.size(0) == s.split.train->size());
                   CHECK(s.queries.values.size(0) == s.split.test->size());
                   return Findings{.scores = {{"looked", 0.25}}};
                 }}};
  train(method, folder.path(), 2);
  CHECK(method.training());
  CHECK_THAT(testing::read_file(folder / kSummaryFile), Catch::Contains("\"looked\": 0.25"));
}

TEST_CASE("an evaluation's random numbers are not the run's", "[training]") {
  testing::TemporaryFolder with, without;
  Measured drawing, plain;
  drawing.own = {{"draw", {.before = true, .epochs = true}, [](const Subject&) {
                    return Findings{.scores = {{"drawn", randn({1}).item()}}};
                  }}};
  train(drawing, with.path(), 6), train(plain, without.path(), 6);
  auto losses = [](const auto& folder) { return Journal(folder / kMetricsFile).series("step", "loss"); };
  CHECK(losses(with) == losses(without));
  CHECK(losses(with).second.size() == 6);
}

TEST_CASE("a method that keeps nothing is measured by its own evaluations alone", "[training]") {
  testing::TemporaryFolder folder;
  Measured method;
  method.keeps = false;
  method.own = {{"own", {.epochs = true}, [](const Subject& s) {
                   CHECK(!s.bank.values.defined());
                   return Findings{.scores = {{"own", s.at.epoch}}};
                 }}};
  train(method, folder.path(), 6);
  CHECK(Journal(folder / kMetricsFile).series("step", "own").second == std::vector<double>{1, 1.5});
  CHECK_THAT(testing::read_file(folder / kSummaryFile), Catch::Contains("\"own\": 1.5") && !Catch::Contains("knn"));
}

TEST_CASE("two evaluations with a score of one name are refused", "[training]") {
  testing::TemporaryFolder folder;
  Measured method;
  Steps asked;
  method.own = {tells_steps("knn_top1", {.before = true}, asked)};
  CHECK_THROWS_WITH(train(method, folder.path(), 2),
                    Catch::Contains("evaluation knn_top1") && Catch::Contains("which another has"));
}
