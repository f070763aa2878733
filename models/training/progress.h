#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <fovea/models/training/listener.h>

namespace fovea::models {

// What a run says while it trains: on a terminal one line that is rewritten, in a pipe plain lines.
class Progress : public Listener {
 public:
  explicit Progress(int epochs);
  ~Progress() override;  // leaves the line standing and goes to the next one
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void on_step(const StepDone& done) override;  // of steps that are not logged a pipe hears nothing
  void on_evaluation(const Record& record) override;
  // A line that stays.
  void line(const std::string& text);

 private:
  int epochs_;
  bool terminal_, open_ = false;
  std::chrono::steady_clock::time_point last_{};
};

// "48 s", "3 min 20 s", "2 h 05 min".
std::string duration(double seconds);
// 12,345
std::string with_commas(int64_t n);

}  // namespace fovea::models
