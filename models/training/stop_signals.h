#pragma once

#include <csignal>

namespace fovea::models {

// While one of these is alive, the first Ctrl-C (or SIGTERM) only sets a flag; the second ends the process as usual.
class StopSignals {
 public:
  StopSignals() : previous_{std::signal(SIGINT, handle), std::signal(SIGTERM, handle)} { stop_ = 0; }
  ~StopSignals() {
    std::signal(SIGINT, previous_[0]);
    std::signal(SIGTERM, previous_[1]);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  bool stopped() const { return stop_ != 0; }

 private:
  static void handle(int signal) {
    stop_ = 1;
    std::signal(signal, SIG_DFL);
  }
  static inline volatile std::sig_atomic_t stop_ = 0;
  void (*previous_[2])(int);
};

}  // namespace fovea::models
