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

// What is wrong with the command line; of an unknown flag also which one was meant.
inline std::string what_is_wrong(const CLI::App& app, const CLI::ParseError& error) {
  if (!dynamic_cast<const CLI::ExtrasError*>(&error)) return error.what();
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  for (const std::string& word : app.remaining())
    if (word.starts_with("--")) return error.what() + did_you_mean(word.substr(2, word.find('=') - 2), names, "--");
  return error.what();
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
  } catch (const CLI::Success& e) {  // --help
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    fmt::print(stderr, "{}: {} ({} --help lists the flags)\n", app.get_name(), what_is_wrong(app, e), app.get_name());
    return e.get_exit_code();
  }
  return {};
}

}  // namespace fovea::examples
