#pragma once

#include <ostream>

#include <fovea/kernels/conv.h>

// What a failing test says of a convolution.
namespace fovea::kernels {
inline std::ostream& operator<<(std::ostream& out, const Conv2dShape& s) {
  return out << s.n << "x" << s.h << "x" << s.w << "x" << s.c << " -> " << s.k << ", kernel " << s.kh << "x" << s.kw
             << ", stride " << s.stride_h << "x" << s.stride_w << ", padding " << s.pad_h << "x" << s.pad_w
             << ", dilation " << s.dilation_h << "x" << s.dilation_w << ", groups " << s.groups;
}
}  // namespace fovea::kernels
