#include <fovea/models/training/progress.h>

#include <unistd.h>

#include <cmath>
#include <cstdio>

#include <fmt/format.h>

namespace fovea::models {

namespace {

constexpr auto kRefresh = std::chrono::milliseconds(100);

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

Progress::Progress(int epochs) : epochs_(epochs), terminal_(::isatty(STDOUT_FILENO) == 1) {}

Progress::~Progress() {
  if (open_) print("\n");
}

void Progress::on_step(const StepDone& done) {
  auto now = std::chrono::steady_clock::now();
  if (terminal_ ? now - last_ < kRefresh && done.at.step < done.at.steps : !done.line) return;
  last_ = now;
  std::string text = fmt::format("epoch {:.{}f}/{}  step {}/{}  loss {:.4f}  {:.0f} images/s  {} left", done.at.epoch,
                                 terminal_ ? 1 : 2, epochs_, done.at.step, done.at.steps, done.loss,
                                 done.images_per_second, duration(done.seconds_left));
  print(fmt::format("{}{}{}", terminal_ ? "\r\033[K" : "", text, terminal_ ? "" : "\n"));
  open_ = terminal_;
}

void Progress::on_evaluation(const Record& record) {
  const auto epoch = find(record, "epoch"), knn = find(record, "knn_top1");
  if (!epoch || !knn) return;
  line(fmt::format("{}: k-NN top-1 {:.4f}", *epoch == 0 ? "before training" : fmt::format("epoch {:.4g}", *epoch),
                   *knn));
}

void Progress::line(const std::string& text) {
  print(fmt::format("{}{}\n", open_ ? "\r\033[K" : "", text));
  open_ = false;
}

std::string duration(double seconds) {
  int64_t s = std::isfinite(seconds) && seconds > 0 ? std::llround(seconds) : 0;
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
}

std::string with_commas(int64_t n) {
  std::string digits = std::to_string(n), out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && digits[i - 1] != '-' && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

}  // namespace fovea::models
