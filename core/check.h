#pragma once

// Private to the library: it brings fmt with it.
#include <fmt/format.h>

#include <fovea/core/error.h>

namespace fovea {

// Throws Error with one sentence on what was wanted and what was given: check(n > 0, "linear: want ..., got {}", n).
template <class... Args>
void check(bool ok, fmt::format_string<Args...> message, Args&&... args) {
  if (!ok) [[unlikely]]
    throw Error(fmt::format(message, std::forward<Args>(args)...));
}

}  // namespace fovea

// Anything with a str() member prints through it: Shape, Device.
template <class T>
requires requires(const T& t) {
  { t.str() } -> std::convertible_to<std::string>;
}
struct fmt::formatter<T> : fmt::formatter<std::string> {
  auto format(const T& t, format_context& context) const { return formatter<std::string>::format(t.str(), context); }
};
