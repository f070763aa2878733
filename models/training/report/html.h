#pragma once

#include <string>

#include <fovea/models/methods/page.h>

namespace fovea::models {

// The page as one self-contained HTML file: no script, no external file, light or dark as the reader's system is.
std::string html(const Page& page);

}  // namespace fovea::models
