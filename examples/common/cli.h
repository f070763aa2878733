#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <fovea/core/choices.h>

// What programs with CLI11 share beside the flags of a run: errors that know what was meant.
namespace fovea::examples {

// "; did you mean NAME?", or "" if none of `names` is like `text`.
inline std::string did_you_mean(const std::string& text, const std::vector<std::string>& names,
                                const std::string& before = "") {
  const std::string name = nearest_name(text, names);
  return name.empty() ? "" : "; did you mean " + before + name + "?";
}

// The same for the first unknown flag on the command line.
inline std::string did_you_mean(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  for (const std::string& word : app.remaining())
    if (word.starts_with("--")) return did_you_mean(word.substr(2, word.find('=') - 2), names, "--");
  return "";
}

// Refuses what is not among `names`.
inline CLI::Validator one_of(const std::vector<std::string>& names) {
  return CLI::Validator(
      [names](const std::string& text) -> std::string {
        if (std::find(names.begin(), names.end(), text) != names.end()) return "";
        return fmt::format("want one of {}, got {}{}", fmt::join(names, ", "), text, did_you_mean(text, names));
      },
      "NAME");
}

// Reads the command line. Returns what the program exits with if that is all: after --help, or after an error, which is
// said.
inline std::optional<int> parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError& e) {
    fmt::print(stderr, "{}: {}{} ({} --help lists the flags)\n", app.get_name(), e.what(), did_you_mean(app),
               app.get_name());
    return e.get_exit_code();
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  return {};
}

}  // namespace fovea::examples
