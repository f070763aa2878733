#include <fovea/data/batch.h>

#include <utility>

#include <fovea/core/check.h>

namespace fovea::data {

namespace {

constexpr std::string_view kIndex = "index", kViews = "views.";

std::string name_of_group(int64_t g) {
  return fmt::format("{}{}", kViews, g);
}

}  // namespace

const Tensor* Batch::find(std::string_view name) const {
  for (const Field& field : fields_)
    if (field.name == name) return &field.value;
  return nullptr;
}

std::string Batch::names() const {
  std::string out;
  for (const Field& field : fields_) out += (out.empty() ? "" : ", ") + field.name;
  return out.empty() ? "none" : out;
}

const Tensor& Batch::operator[](std::string_view name) const {
  const Tensor* value = find(name);
  check(value != nullptr, "batch: want a field \"{}\", there are: {}", name, names());
  return *value;
}

void Batch::set(std::string name, Tensor value) {
  check(name != kIndex, "batch: want a name for a field, got \"index\", which is a member");
  check(value.defined(), "batch: want a tensor as the field \"{}\", got an undefined one", name);
  for (Field& field : fields_)
    if (field.name == name) return void(field.value = std::move(value));
  check(!name.starts_with(kViews) || name == name_of_group(group_count()),
        "batch: want \"{}\" as the next group of views, got \"{}\"", name_of_group(group_count()), name);
  fields_.push_back({std::move(name), std::move(value)});
}

int64_t Batch::group_count() const {
  int64_t count = 0;
  for (const Field& field : fields_) count += field.name.starts_with(kViews);
  return count;
}

const Tensor& Batch::group(int64_t g) const {
  return (*this)[name_of_group(g)];
}

std::vector<Tensor> Batch::groups() const {
  std::vector<Tensor> out;
  for (const Field& field : fields_)
    if (field.name.starts_with(kViews)) out.push_back(field.value);
  return out;
}

std::vector<Tensor> Batch::views() const {
  const int64_t n = size();
  std::vector<Tensor> out;
  for (const Field& field : fields_) {
    if (!field.name.starts_with(kViews)) continue;
    const int64_t rows = field.value.size(0);
    check(n > 0 && rows % n == 0, "batch: want views of {} images as \"{}\", got {} rows", n, field.name, rows);
    for (int64_t begin = 0; begin < rows; begin += n) out.push_back(field.value.slice(begin, begin + n));
  }
  return out;
}

Tensor Batch::view(int64_t v) const {
  const std::vector<Tensor> all = views();
  check(v >= 0 && v < int64_t(all.size()), "batch: want one of its {} views, got number {}", all.size(), v);
  return all[size_t(v)];
}

int64_t Batch::view_count() const {
  return int64_t(views().size());
}

Batch Batch::map(const std::function<Tensor(const Tensor&)>& f) const {
  return map([&](std::string_view, const Tensor& t) { return f(t); });
}

Batch Batch::map(const std::function<Tensor(std::string_view, const Tensor&)>& f) const {
  Batch out;
  out.epoch = epoch, out.step = step, out.raw = raw;
  if (index.defined()) out.index = f(kIndex, index);
  for (const Field& field : fields_) out.set(field.name, f(field.name, field.value));
  return out;
}

void Batch::copy_(const Batch& from) {
  check(!raw && !from.raw, "batch: want views to copy, got what an Uploader makes them of");
  auto check_same = [](std::string_view name, const Tensor& to, const Tensor& value) {
    check(to.shape() == value.shape() && to.dtype() == value.dtype(), "batch: want {} {} as \"{}\", got {} {}",
          name_of(to.dtype()), to.shape(), name, name_of(value.dtype()), value.shape());
  };
  check_same(kIndex, index, from.index);
  for (const Field& field : fields_) check_same(field.name, field.value, from[field.name]);
  check(fields_.size() == from.fields_.size(), "batch: want the fields {}, got {}", names(), from.names());
  index.copy_(from.index);
  for (Field& field : fields_) field.value.copy_(from[field.name]);
  epoch = from.epoch, step = from.step;
}

}  // namespace fovea::data
