#include <fovea/core/choices.h>

#include <algorithm>
#include <cctype>

#include <fmt/ranges.h>

#include <fovea/core/check.h>

namespace fovea {

namespace {

// A letter left out, added or swapped with its neighbour costs 2, a changed one 3: of short names "cpu" is no misspelt
// "gpu", but "sdg" is "sgd".
constexpr int kMoved = 2, kChanged = 3;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  return out;
}

// Damerau and Levenshtein's distance (of swaps those of neighbours that nothing else touches), with these costs.
int distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<int>> to(a.size() + 1, std::vector<int>(b.size() + 1));  // between what comes before i and j
  for (size_t i = 0; i <= a.size(); ++i)
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        to[i][j] = kMoved * int(i + j);
        continue;
      }
      const int changed = to[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : kChanged);
      to[i][j] = std::min({to[i - 1][j] + kMoved, to[i][j - 1] + kMoved, changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        to[i][j] = std::min(to[i][j], to[i - 2][j - 2] + kMoved);
    }
  return to[a.size()][b.size()];
}

// What counts as close, for the longer of two names: a letter in three, but not more than three letters moved.
int limit(size_t length) {
  return std::min(3 * kMoved, int(2 * length + 2) / 3);
}

}  // namespace

std::string nearest_name(std::string_view text, const std::vector<std::string>& names) {
  const std::string given = lower(text);
  const std::string* best = nullptr;
  const std::string* longer = nullptr;  // has the text in it
  int least = 0, containing = 0;
  for (const std::string& name : names) {
    const int apart = distance(given, lower(name));
    if (apart <= limit(std::max(given.size(), name.size())) && (!best || apart < least)) best = &name, least = apart;
    if (given.size() >= 3 && lower(name).find(given) != std::string::npos) longer = &name, ++containing;
  }
  if (best) return *best;
  return containing == 1 ? *longer : "";
}

std::string did_you_mean(std::string_view text, const std::vector<std::string>& names, const std::string& before,
                         const std::string& behind) {
  const std::string nearest = nearest_name(text, names);
  return nearest.empty() ? "" : fmt::format("; did you mean {}{}{}?", before, nearest, behind);
}

std::string ChoiceNames::str() const {
  std::vector<std::string> forms;
  for (const Entry& entry : entries_) forms.push_back(entry.form);
  return fmt::format("{}", fmt::join(forms, ", "));
}

size_t ChoiceNames::find(const std::string& text, const std::string& subject) const {
  const std::string name = text.substr(0, text.find(':')), more = text.substr(name.size());
  auto takes = [&](const Entry& entry) { return more.empty() || entry.form.find(':') != std::string::npos; };
  std::vector<std::string> names;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].name == name && takes(entries_[i])) return i;
    if (takes(entries_[i])) names.push_back(entries_[i].name);
  }
  throw Error(fmt::format("{}: want {}{}, got {}{}", subject, entries_.size() > 1 ? "one of " : "", str(),
                          text.empty() ? "\"\"" : text, did_you_mean(name, names, "", more)));
}

}  // namespace fovea
