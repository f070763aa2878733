#include <fovea/models/training/alarm.h>

#include <cmath>

#include "support/catch.h"

using namespace fovea::models;

namespace {

const Record kHealthy = {{"step", 100},
                         {"loss", 4.2},
                         {"std", 0.08},
                         {"dimensions", 128},
                         {"effective_rank", 40},
                         {"positive_similarity", 0.8},
                         {"negative_similarity", 0.1}};

// A healthy line with other numbers.
Record changed(std::vector<std::pair<std::string, double>> numbers) {
  Record out = kHealthy;
  for (auto& number : numbers) {
    std::erase_if(out, [&](const auto& entry) { return entry.first == number.first; });
    out.push_back(number);
  }
  return out;
}

}  // namespace

TEST_CASE("each symptom of collapse is named, and health is none", "[training]") {
  CHECK(!collapse_symptom(kHealthy));
  CHECK(!collapse_symptom({{"step", 100}, {"loss", 4.2}}));
  auto says = [](const Record& line, const std::string& words) {
    const auto symptom = collapse_symptom(line);
    REQUIRE(symptom);
    CHECK_THAT(symptom->text, Catch::Contains(words) && Catch::Contains("Likely causes"));
  };
  says(changed({{"std", 0.005}}), "nearly the same embedding");
  says(changed({{"negative_similarity", 0.99}}), "cosine of 0.990");
  says(changed({{"effective_rank", 1.3}}), "one direction");
  says(changed({{"prototypes", 300}, {"assignment_entropy", 0.2}, {"sample_entropy", 0.1}}), "the same prototype");
  says(changed({{"prototypes", 300}, {"assignment_entropy", 5.70}, {"sample_entropy", 5.70}}), "all prototypes alike");
  CHECK(!collapse_symptom(changed({{"prototypes", 300}, {"assignment_entropy", 5.5}, {"sample_entropy", 2}})));
  says(changed({{"loss", std::log(300.0)}, {"chance_loss", std::log(300.0)}}), "tells nothing apart");
  CHECK(!collapse_symptom(changed({{"chance_loss", 5}})));
}

TEST_CASE("the alarm waits for two lines with one symptom, and rings once", "[training]") {
  CollapseAlarm alarm;
  const Record collapsed = changed({{"std", 0.001}});
  CHECK(!alarm.observe(changed({{"std", 0.001}, {"step", 10}})));  // too early
  CHECK(!alarm.observe(collapsed));
  CHECK(!alarm.observe(kHealthy));
  CHECK(!alarm.observe(collapsed));
  CHECK(!alarm.observe(changed({{"effective_rank", 1}})));
  CHECK(!alarm.observe(collapsed));
  CHECK(!alarm.observe({{"step", 120}, {"knn_top1", 0.5}}));  // an evaluation
  auto warning = alarm.observe(changed({{"std", 0.002}, {"step", 140}}));
  REQUIRE(warning);
  CHECK_THAT(*warning, Catch::Contains("collapse at step 140") && Catch::Contains("target branch"));
  CHECK(!alarm.observe(collapsed));
}

TEST_CASE("the alarm knows a symptom again whatever its numbers are", "[training]") {
  const std::vector<std::pair<Record, Record>> pairs = {
      {changed({{"std", 0.001}}), changed({{"std", 0.002}})},
      {changed({{"negative_similarity", 0.985}}), changed({{"negative_similarity", 0.991}})},
      {changed({{"effective_rank", 1.2}}), changed({{"effective_rank", 1.4}})},
      {changed({{"prototypes", 300}, {"assignment_entropy", 0.2}}),
       changed({{"prototypes", 300}, {"assignment_entropy", 0.3}})},
      {changed({{"prototypes", 300}, {"sample_entropy", 5.701}}),
       changed({{"prototypes", 300}, {"sample_entropy", 5.702}})},
      {changed({{"loss", 5.001}, {"chance_loss", 5}}), changed({{"loss", 4.999}, {"chance_loss", 5}})}};
  for (const auto& [first, second] : pairs) {
    CollapseAlarm alarm;
    CHECK(!alarm.observe(first));
    CHECK(alarm.observe(second));
  }
}
