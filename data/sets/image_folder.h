#pragma once

#include <filesystem>

#include <fovea/data/dataset.h>

namespace fovea::data {

struct ImageFolderOptions {
  int image_size = 128;                  // side of the views that suit the images
  size_t cache_bytes = size_t(1) << 30;  // decoded images are kept while they fit, from the first time each is read
};

// dir/class/.../name.{jpg,jpeg,png,bmp}: classes are the sorted names of the folders in `dir`, images sorted by path.
// Throws Error for a missing folder, one without class folders, and a class folder without images, naming it. JPEG
// files that do not fit into the cache are decoded anew each time, and then only the part that a view wants.
DatasetPtr image_folder(const std::filesystem::path& dir, ImageFolderOptions options = {});

// `dir`/train with `dir`/val or `dir`/test; where there is no train folder, the classes are in `dir` and every tenth
// image of each is held out for testing.
Split image_folders(const std::filesystem::path& dir, ImageFolderOptions options = {});

}  // namespace fovea::data
