#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fovea/core/choices.h>
#include <fovea/data/image/source.h>

namespace fovea::data {

// Labelled images. All functions may be called from any thread.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  // Image i of [0, size()), else Error. Files are read here: a bad one throws Error naming it.
  virtual Source get(int64_t i) const = 0;
  // Its class, an index into classes(). Reads no file.
  virtual int64_t label(int64_t i) const = 0;
  virtual const std::vector<std::string>& classes() const = 0;
  // The side of the square views that suit these images.
  virtual int image_size() const = 0;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

// Those images of a dataset that `indices` lists, in that order; throws Error for an index out of range.
DatasetPtr subset(DatasetPtr dataset, std::vector<int64_t> indices);
// The first n images, or all if there are fewer.
DatasetPtr first(DatasetPtr dataset, int64_t n);

struct Split {
  DatasetPtr train, test;
};

// The datasets by name, each with what opens it; `where` is what stands behind the colon, if one does.
//   fashion-mnist[:DIR]   IDX files, gzipped or not (fashion_mnist.h); DIR defaults to where Debian's package puts them
//   cifar10:DIR           the binary version's data_batch_1.bin ... data_batch_5.bin and test_batch.bin (cifar.h)
//   cifar100:DIR          the binary version's train.bin and test.bin, fine labels
//   imagefolder:DIR       DIR/train and DIR/val (or test), each with a folder of images a class (image_folder.h);
//                         without them, DIR itself, every tenth image of a class held out for testing
//   synthetic[:N]         N (default 10,000) drawn images, and N / 5 for testing; needs no files (synthetic.h)
const Choices<Split (*)(const std::optional<std::string>& where)>& datasets();
// Opens one of these, "cifar10:/data/cifar". Throws Error for an unknown name, a missing folder and everything that is
// wrong with the files.
Split open_dataset(const std::string& spec);

}  // namespace fovea::data
