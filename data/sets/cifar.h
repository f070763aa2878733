#pragma once

#include <filesystem>

#include <fovea/data/dataset.h>

namespace fovea::data {

struct Cifar100Options {
  bool coarse = false;  // label with the 20 superclasses, in place of the 100 classes
};

// CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) in their binary version: records of one label byte (CIFAR-100: coarse,
// fine) and 3,072 bytes of planar 32 x 32 RGB, in `dir` or in the folder of it that the published archive unpacks to
// (cifar-10-batches-bin, cifar-100-binary). Kept in memory. Class names come from batches.meta.txt or
// fine_label_names.txt where they are present. Throws Error for a missing folder or file, a size that is no multiple of
// a record, and labels out of range.
Split cifar10(const std::filesystem::path& dir);
Split cifar100(const std::filesystem::path& dir, const Cifar100Options& options = {});

}  // namespace fovea::data
