#pragma once

#include <filesystem>

#include <fovea/data/dataset.h>

namespace fovea::data {

// Where Debian's package dataset-fashion-mnist puts its files.
inline constexpr const char* kFashionMnistDir = "/usr/share/datasets/fashion-mnist";

// Fashion-MNIST (Xiao et al., 2017), or any set in its IDX format: 28 x 28 gray images in ten classes, 60,000 to train
// on and 10,000 to test. Reads train-images-idx3-ubyte, train-labels-idx1-ubyte and t10k-..., each plain or with .gz,
// and keeps them in memory (47 MB). Throws Error for a missing folder or file, corrupt or truncated gzip, a wrong magic
// number, sizes that do not agree, and labels above 9.
Split fashion_mnist(const std::filesystem::path& dir = kFashionMnistDir);

// One pair of IDX files.
DatasetPtr read_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                    std::vector<std::string> classes);

}  // namespace fovea::data
