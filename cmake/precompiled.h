// What most sources read first, parsed once for each target: headers of the standard library and of fmt, which never change
// while one works, and none of this project's, so that changing one builds again only what includes it. Sources
// include what they use all the same: scripts/tidy reads each of them without this file.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// Not in builds without optimisation: there fmt changes GCC's options for a while, and intrinsics are then no macros.
#ifdef __OPTIMIZE__
#include <fmt/format.h>
#endif
