#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runs.h"

namespace fovea::methods_table {

// What the tables are made of: for each method its runs' summaries, by their names (summary.json).
using Summaries = std::vector<nlohmann::json>;
using Rows = std::map<std::string, Summaries>;
using LongerRows = std::map<std::pair<std::string, int>, Summaries>;  // by method and epochs

// The recorded runs that differ from this table's only by having more epochs.
LongerRows longer_runs(const Settings& s, const Results& results);

// "methods/swav.md", beside --docs. Variants of a method have its page: swav_queue has swav's.
std::filesystem::path page_of(const Settings& s, const std::string& method);

// For --docs and stdout. `program`: the command line.
std::string table(const Settings& s, const std::string& program, const Rows& rows, const LongerRows& longer);
// For the page that these methods share.
std::string result_table(const Settings& s, const std::vector<std::string>& methods, const Rows& rows,
                         const LongerRows& longer);
// For the README.
std::string short_table(const Settings& s, const Rows& rows);

// The page with `text` between its markers <!-- begin WHAT --> and <!-- end WHAT -->. Throws std::runtime_error for a page
// without them.
std::string page_with(const std::filesystem::path& path, const std::string& what, const std::string& text);
void write_between_markers(const std::filesystem::path& path, const std::string& what, const std::string& text);

}  // namespace fovea::methods_table
