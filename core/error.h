#pragma once

#include <stdexcept>

namespace fovea {

// What every function of fovea throws when it is given something it cannot work with. what() is one sentence: what was
// wanted and what was given.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace fovea
