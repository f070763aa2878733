#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fovea::examples {

// What a run says while it trains: on a terminal one line that is rewritten, in a pipe plain lines.
class Progress {
 public:
  struct Step {
    int64_t step = 0, steps = 0;  // done, of
    double epoch = 0;
    int epochs = 0;
    double loss = 0, images_per_second = 0, seconds_left = 0;
  };

  Progress();
  ~Progress();  // leaves the line standing and goes to the next one
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // After every step. `log` is true when the step is logged: only then does a pipe get a line.
  void update(const Step& step, bool log);
  // A line that stays.
  void line(const std::string& text);

 private:
  bool terminal_, open_ = false;
  std::chrono::steady_clock::time_point last_{};
};

// "48 s", "3 min 20 s", "2 h 05 min".
std::string duration(double seconds);
// 12,345
std::string with_commas(int64_t n);

}  // namespace fovea::examples
