#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fovea/core/tensor.h>

namespace fovea::data {

struct RawViews;  // image/raw_views.h

// What a loader hands on: tensors by name, all of them about the same N samples, and the batch's position in the order
// of batches. Who adds a field names it; who copies a batch copies its fields, whatever their names. Copying a Batch
// shares the tensors' memory, as copying a Tensor does.
//
// Fields of images:
//   labels               i64 [N]
//   places               f32 [V, N, 2, 3], where each of V views lies in its image (image/views.h, Place)
//   views.0, views.1, .. [k N, S, S, C], the k views of one size, view after view; f32, or u8 until they are normalised
class Batch {
 public:
  struct Field {
    std::string name;
    Tensor value;
  };

  Tensor index;                 // i64 [N]: which samples of the dataset
  int64_t epoch = 0, step = 0;  // step counts from 0 in each epoch
  // In place of views, what an Uploader makes them of on its device: from a Loader with LoaderOptions::raw, null
  // elsewhere. map() hands it on, copy_() refuses it.
  std::shared_ptr<RawViews> raw;

  int64_t size() const { return index.numel(); }  // N

  bool has(std::string_view name) const { return find(name) != nullptr; }
  // The field of that name; throws Error listing the names there are.
  const Tensor& operator[](std::string_view name) const;
  // Adds a field, or replaces its value. Throws Error for an undefined value, the name "index", and a group of views
  // that is not the next: "views.1" comes after "views.0".
  void set(std::string name, Tensor value);
  // All fields in the order they were added; the index is none of them.
  const std::vector<Field>& fields() const { return fields_; }

  // A group is the field "views.<g>". A view is rows of its group, [N, S, S, C], in the same memory; views count
  // through all groups.
  std::vector<Tensor> groups() const;
  const Tensor& group(int64_t g) const;
  int64_t group_count() const;
  std::vector<Tensor> views() const;
  Tensor view(int64_t v) const;
  int64_t view_count() const;
  const Tensor& labels() const { return (*this)["labels"]; }

  // The same batch with f(tensor) in place of the index and of each field, in this order: a copy, or one on another
  // device. The second form also gives the name, "index" for the index.
  Batch map(const std::function<Tensor(const Tensor&)>& f) const;
  Batch map(const std::function<Tensor(std::string_view name, const Tensor&)>& f) const;
  // Copies the other batch's values into this one's memory. Throws Error, and copies nothing, unless both have the same
  // fields of the same shapes and dtypes.
  void copy_(const Batch& from);

 private:
  const Tensor* find(std::string_view name) const;
  std::string names() const;

  std::vector<Field> fields_;
};

}  // namespace fovea::data
