#include <fovea/core/ops/shape.h>

#include <algorithm>
#include <array>
#include <numeric>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/core/ops/elementwise.h>
#include <fovea/core/ops/reduce.h>
#include <fovea/kernels/index.h>
#include <fovea/kernels/index_check.h>

namespace fovea {

using Steps = std::array<int64_t, Shape::kMaxRank>;

// How far a step along each dimension of a dense tensor goes.
static Steps steps_of(const Shape& shape) {
  Steps steps{};
  int64_t run = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    steps[size_t(d)] = run;
    run *= shape[d];
  }
  return steps;
}

static int64_t numel_between(const Shape& shape, int begin, int end) {
  return std::accumulate(shape.begin() + begin, shape.begin() + end, int64_t(1), std::multiplies<>());
}

static void copy_box(const Tensor& x, int64_t from, Tensor& y, int64_t to, const kernels::StridedBox& box) {
  size_t bytes = size_of(x.dtype());
  const char* source = static_cast<const char*>(x.raw()) + from * int64_t(bytes);
  char* target = static_cast<char*>(y.raw()) + to * int64_t(bytes);
  dispatch(x.device(), [&](auto& ctx) { kernels::copy_strided(ctx, source, target, bytes, box); });
}

// A tensor of `shape` filled in order from elements of x: from `begin`, by `steps` along each dimension.
static Tensor strided_read(const Tensor& x, const Shape& shape, int64_t begin, const Steps& steps) {
  Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  Steps to = steps_of(shape);
  kernels::StridedBox box;
  for (int d = 0; d < shape.rank(); ++d) box.push_back(shape[d], steps[size_t(d)], to[size_t(d)]);
  copy_box(x, begin, y, 0, box);
  return y;
}

// The opposite: x's elements, in order, to places of y.
static void strided_write(const Tensor& x, Tensor& y, int64_t begin, const Steps& steps) {
  Steps from = steps_of(x.shape());
  kernels::StridedBox box;
  for (int d = 0; d < x.rank(); ++d) box.push_back(x.shape()[d], from[size_t(d)], steps[size_t(d)]);
  copy_box(x, 0, y, begin, box);
}

Tensor reshape(const Tensor& x, const std::vector<int64_t>& sizes) {
  return x.reshape(sizes);
}

Tensor flatten(const Tensor& x, int start_dim, int end_dim) {
  if (x.rank() == 0) return x.reshape(Shape{1});
  int first = x.shape().dim(start_dim, "flatten"), last = x.shape().dim(end_dim, "flatten");
  check(first <= last, "flatten: want start_dim <= end_dim, got {} and {}", start_dim, end_dim);
  Shape shape;
  for (int d = 0; d < x.rank(); ++d) {
    if (d <= first || d > last)
      shape.push_back(x.shape()[d]);
    else
      shape[first] *= x.shape()[d];
  }
  return x.reshape(shape);
}

Tensor squeeze(const Tensor& x, int dim) {
  int d = x.shape().dim(dim, "squeeze");
  check(x.shape()[d] == 1, "squeeze: want one element along dimension {} of {}", dim, x.shape());
  Shape shape = x.shape();
  shape.erase(d);
  return x.reshape(shape);
}

Tensor unsqueeze(const Tensor& x, int dim) {
  check(dim >= -x.rank() - 1 && dim <= x.rank(), "unsqueeze: want a place among the dimensions of {}, got {}",
        x.shape(), dim);
  Shape shape = x.shape();
  shape.insert(dim < 0 ? dim + x.rank() + 1 : dim, 1);
  return x.reshape(shape);
}

Tensor permute(const Tensor& x, const std::vector<int>& dims) {
  check(int(dims.size()) == x.rank(), "permute: want {} dimensions for {}, got {}", x.rank(), x.shape(), dims.size());
  Steps from = steps_of(x.shape()), steps{};
  Shape shape;
  std::vector<int> inverse(dims.size(), -1);
  bool in_order = true;  // but for dimensions of one element
  int last = -1;
  for (size_t i = 0; i < dims.size(); ++i) {
    int d = x.shape().dim(dims[i], "permute");
    check(inverse[size_t(d)] < 0, "permute: want each dimension of {} once, got {} twice", x.shape(), dims[i]);
    inverse[size_t(d)] = int(i);
    shape.push_back(x.shape()[d]);
    steps[i] = from[size_t(d)];
    if (x.shape()[d] == 1) continue;
    in_order &= d > last;
    last = d;
  }
  if (in_order) return x.reshape(shape);
  return record("permute", strided_read(x, shape, 0, steps), {x},
                [inverse](const Node&, const Tensor& dy) -> Grads { return {permute(dy, inverse)}; });
}

Tensor transpose(const Tensor& x, int a, int b) {
  std::vector<int> dims(size_t(x.rank()));
  std::iota(dims.begin(), dims.end(), 0);
  std::swap(dims[size_t(x.shape().dim(a, "transpose"))], dims[size_t(x.shape().dim(b, "transpose"))]);
  return permute(x, dims);
}

// Parts that need no gradient and lie one after the other in one tensor's memory: that memory. Undefined otherwise.
static Tensor joined_view(const std::vector<Tensor>& parts) {
  Tensor all = parts[0].requires_grad() ? Tensor() : parts[0];
  for (size_t i = 1; i < parts.size() && all.defined(); ++i)
    all = parts[i].requires_grad() ? Tensor() : all.joined(parts[i]);
  return all;
}

Tensor concat(const std::vector<Tensor>& parts, int dim) {
  check(!parts.empty(), "concat: want at least one tensor, got none");
  int d = parts[0].shape().dim(dim, "concat");
  Shape shape = parts[0].shape();
  std::vector<int64_t> begins{0};
  for (const Tensor& part : parts) {
    Shape expected = shape;
    if (part.rank() == shape.rank()) expected[d] = part.shape()[d];
    check(part.shape() == expected && part.dtype() == parts[0].dtype() && part.device() == parts[0].device(),
          "concat: want tensors like {} {} on {} but for dimension {}, got {} {} on {}", name_of(parts[0].dtype()),
          parts[0].shape(), parts[0].device(), d, name_of(part.dtype()), part.shape(), part.device());
    begins.push_back(begins.back() + part.shape()[d]);
  }
  shape[d] = begins.back();
  if (d == 0)
    if (Tensor view = joined_view(parts); view.defined()) return view;
  Tensor y = Tensor::empty(shape, parts[0].dtype(), parts[0].device());
  Steps steps = steps_of(shape);
  for (size_t i = 0; i < parts.size(); ++i) strided_write(parts[i], y, begins[i] * steps[size_t(d)], steps);
  return record("concat", y, parts, [begins, d](const Node& node, const Tensor& dy) -> Grads {
    Grads grads(begins.size() - 1);
    for (size_t i = 0; i < grads.size(); ++i)
      if (node.needs_grad(int(i))) grads[i] = slice(dy, d, begins[i], begins[i + 1]);
    return grads;
  });
}

Tensor stack(const std::vector<Tensor>& parts, int dim) {
  std::vector<Tensor> rows;
  for (const Tensor& part : parts) {
    check(part.shape() == parts[0].shape(), "stack: want tensors of one shape, got {} and {}", parts[0].shape(),
          part.shape());
    rows.push_back(unsqueeze(part, dim));
  }
  check(!rows.empty(), "stack: want at least one tensor, got none");
  return concat(rows, dim);
}

Tensor slice(const Tensor& x, int dim, int64_t begin, int64_t end, int64_t step) {
  int d = x.shape().dim(dim, "slice");
  check(step > 0, "slice: want a step of at least 1, got {}", step);
  int64_t size = x.shape()[d];
  begin = std::clamp<int64_t>(begin < 0 ? begin + size : begin, 0, size);
  end = std::clamp<int64_t>(end < 0 ? end + size : end, begin, size);
  if (begin == 0 && end == size && step == 1) return x;
  if (d == 0 && step == 1) return x.slice(begin, end);
  Shape shape = x.shape();
  shape[d] = (end - begin + step - 1) / step;
  Steps steps = steps_of(x.shape());
  int64_t first = begin * steps[size_t(d)];
  steps[size_t(d)] *= step;
  return record("slice", strided_read(x, shape, first, steps), {x},
                [x_shape = x.shape(), first, steps](const Node&, const Tensor& dy) -> Grads {
                  Tensor dx = Tensor::zeros(x_shape, dy.dtype(), dy.device());
                  strided_write(dy, dx, first, steps);
                  return {dx};
                });
}

std::vector<Tensor> chunk(const Tensor& x, int chunks, int dim) {
  check(chunks > 0, "chunk: want at least 1 chunk, got {}", chunks);
  int64_t size = x.size(dim), each = std::max<int64_t>(1, (size + chunks - 1) / chunks);
  std::vector<Tensor> out;
  for (int64_t begin = 0; begin == 0 || begin < size; begin += each)
    out.push_back(slice(x, dim, begin, std::min(begin + each, size)));
  return out;
}

Tensor flip(const Tensor& x, const std::vector<int>& dims) {
  Steps steps = steps_of(x.shape());
  int64_t begin = 0;
  bool flipped[Shape::kMaxRank] = {};
  for (int dim : dims) {
    int d = x.shape().dim(dim, "flip");
    check(!flipped[d], "flip: want each dimension once, got {} twice", dim);
    flipped[d] = true;
    begin += steps[size_t(d)] * std::max<int64_t>(0, x.shape()[d] - 1);
    steps[size_t(d)] = -steps[size_t(d)];
  }
  return record("flip", strided_read(x, x.shape(), begin, steps), {x},
                [dims](const Node&, const Tensor& dy) -> Grads { return {flip(dy, dims)}; });
}

// Sum of the rows x [batch, picks, cols] at `index`, as y [batch, rows, cols] of `shape`.
static Tensor scatter(const char* name, const Tensor& x, const Tensor& index, int64_t batch, int64_t rows,
                      bool index_per_batch, const Shape& shape) {
  int64_t picks = index_per_batch && batch ? index.numel() / batch : index.numel();
  int64_t cols = batch * rows > 0 ? shape.numel() / (batch * rows) : 0;
  Tensor y = Tensor::zeros(shape, x.dtype() == Dtype::bf16 ? Dtype::f32 : x.dtype(), x.device());
  dispatch_all(x, name, [&]<class T>(auto& ctx) {
    kernels::scatter_add(ctx, x.data<T>(), index.data<int64_t>(), y.data<kernels::accumulator_t<T>>(), batch, rows,
                         picks, cols, index_per_batch);
  });
  return y.to(x.dtype());
}

// The index as kernels may use it. On the CPU it is the user's own, checked now. On a device it is a copy that holds 0
// for what is out of range, and the error comes when the host next waits for the device.
static Tensor checked_index(const char* name, const Tensor& x, const Tensor& index, int64_t limit) {
  check(index.dtype() == Dtype::i64 && index.device() == x.device(), "{}: want an i64 index on {}, got {} on {}", name,
        x.device(), name_of(index.dtype()), index.device());
  if constexpr (kHasCuda) {
    if (index.device().is_cuda()) {
      check(limit > 0 || index.numel() == 0, "{}: want rows to choose from, got {}", name, x.shape());
      Tensor checked = Tensor::empty_like(index);
      kernels::check_index(kernels::cuda(index.device().index), {name, limit}, index.data<int64_t>(),
                           checked.data<int64_t>(), index.numel());
      return checked;
    }
  }
  int64_t at = kernels::find_out_of_range(kernels::cpu(), index.data<int64_t>(), index.numel(), limit);
  check(at < 0, "{}: want indices in [0, {}), got one out of range at place {} of {}", name, limit, at, index.shape());
  return index;
}

// y [batch, picks, ...] of `shape`: rows of x [batch, rows, ...] chosen by index [batch, picks], or by one index
// [picks] for the whole batch.
static Tensor gather(const char* name, const Tensor& x, const Tensor& given_index, int64_t batch, int64_t rows,
                     bool index_per_batch, const Shape& shape) {
  Tensor index = checked_index(name, x, given_index, rows);
  int64_t picks = index_per_batch && batch ? index.numel() / batch : index.numel();
  Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  size_t row_bytes = batch * rows > 0 ? x.bytes() / size_t(batch * rows) : 0;
  dispatch(x.device(), [&](auto& ctx) {
    kernels::gather(ctx, x.raw(), index.data<int64_t>(), y.raw(), batch, rows, picks, row_bytes, index_per_batch);
  });
  return record(
      name, y, {x},
      [name, index, batch, rows, index_per_batch, x_shape = x.shape()](const Node&, const Tensor& dy) -> Grads {
        return {scatter(name, dy, index, batch, rows, index_per_batch, x_shape)};
      });
}

// For each place of a padded dimension the element that stands there.
static Tensor pad_index(int64_t size, const PadWidth& width, PadMode mode, const Tensor& x) {
  check(mode != PadMode::reflect || (width.before < size && width.after < size),
        "pad: want reflected widths below the dimension's {} elements, got {} and {} for {}", size, width.before,
        width.after, x.shape());
  check(size > 0, "pad: want elements to repeat, got {}", x.shape());
  std::vector<int64_t> index;
  for (int64_t i = -width.before; i < size + width.after; ++i) {
    int64_t reflected = i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
    index.push_back(mode == PadMode::reflect ? reflected : std::clamp<int64_t>(i, 0, size - 1));
  }
  return Tensor::from<int64_t>({int64_t(index.size())}, index).to(x.device());
}

static Tensor pad_constant(const Tensor& x, const std::vector<PadWidth>& widths, const Shape& shape, double value) {
  Steps steps = steps_of(shape);
  int64_t begin = 0;
  for (int d = 0; d < x.rank(); ++d) begin += widths[size_t(d)].before * steps[size_t(d)];
  Tensor y = Tensor::full(shape, value, x.dtype(), x.device());
  strided_write(x, y, begin, steps);
  return record("pad", y, {x}, [x_shape = x.shape(), begin, steps](const Node&, const Tensor& dy) -> Grads {
    return {strided_read(dy, x_shape, begin, steps)};
  });
}

Tensor pad(const Tensor& x, const std::vector<PadWidth>& widths, PadMode mode, double value) {
  check(int(widths.size()) == x.rank(), "pad: want one width for each dimension of {}, got {}", x.shape(),
        widths.size());
  Shape shape = x.shape();
  for (int d = 0; d < x.rank(); ++d) {
    const PadWidth& width = widths[size_t(d)];
    check(width.before >= 0 && width.after >= 0, "pad: want widths of at least 0, got {} and {}", width.before,
          width.after);
    shape[d] += width.before + width.after;
  }
  if (shape == x.shape()) return x;
  if (mode == PadMode::constant) return pad_constant(x, widths, shape, value);
  Tensor y = x;
  for (int d = 0; d < x.rank(); ++d) {
    if (shape[d] == x.shape()[d]) continue;
    Shape next = y.shape();
    next[d] = shape[d];
    Tensor index = pad_index(x.shape()[d], widths[size_t(d)], mode, x);
    y = gather("pad", y, index, numel_between(y.shape(), 0, d), y.shape()[d], false, next);
  }
  return y;
}

Tensor repeat(const Tensor& x, const std::vector<int64_t>& times) {
  int extra = int(times.size()) - x.rank();
  check(extra >= 0, "repeat: want a count for each dimension of {}, got {}", x.shape(), times.size());
  Shape tile, shape;  // x's with leading ones, and the result's
  for (size_t i = 0; i < times.size(); ++i) {
    check(times[i] >= 0, "repeat: want counts of at least 0, got {}", times[i]);
    tile.push_back(int(i) < extra ? 1 : x.shape()[int(i) - extra]);
    shape.push_back(tile.back() * times[i]);
  }
  Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  Steps from = steps_of(tile), to = steps_of(shape);
  kernels::StridedBox box;
  for (int d = 0; d < tile.rank(); ++d) {
    box.push_back(times[size_t(d)], 0, tile[d] * to[size_t(d)]);
    box.push_back(tile[d], from[size_t(d)], to[size_t(d)]);
  }
  copy_box(x, 0, y, 0, box);
  return record("repeat", y, {x}, [tile, times, x_shape = x.shape()](const Node&, const Tensor& dy) -> Grads {
    Tensor dx = dy;
    Shape left = dy.shape();
    for (int d = 0; d < tile.rank(); ++d) {  // [outer, times, the rest]
      int64_t outer = numel_between(left, 0, d), inner = numel_between(left, d + 1, left.rank()) * tile[d];
      dx = sum(dx.reshape(Shape{outer, times[size_t(d)], inner}), {1});
      left[d] = tile[d];
    }
    return {dx.reshape(x_shape)};
  });
}

Tensor expand(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  check(broadcast(x.shape(), shape, "expand") == shape, "expand: want a shape that {} broadcasts to, got {}", x.shape(),
        shape);
  if (x.numel() == shape.numel()) return x.reshape(shape);
  Steps from = steps_of(x.shape()), steps{};
  int extra = shape.rank() - x.rank();
  for (int d = extra; d < shape.rank(); ++d)
    if (x.shape()[d - extra] != 1) steps[size_t(d)] = from[size_t(d - extra)];
  return record("expand", strided_read(x, shape, 0, steps), {x},
                [x_shape = x.shape()](const Node&, const Tensor& dy) -> Grads { return {sum_to(dy, x_shape)}; });
}

// `head` followed by x's dimensions from `first` on.
static Shape with_rows_of(Shape head, const Tensor& x, int first) {
  for (int d = first; d < x.rank(); ++d) head.push_back(x.shape()[d]);
  return head;
}

Tensor gather_rows(const Tensor& x, const Tensor& index) {
  check(x.rank() >= 1 && index.rank() == 1, "gather_rows: want rows and an index [K], got {} and {}", x.shape(),
        index.shape());
  return gather("gather_rows", x, index, 1, x.shape()[0], false, with_rows_of(index.shape(), x, 1));
}

Tensor scatter_rows(const Tensor& x, const Tensor& index, int64_t rows) {
  check(x.rank() >= 1 && index.shape() == Shape{x.shape()[0]}, "scatter_rows: want one index a row of {}, got {}",
        x.shape(), index.shape());
  check(rows >= 0, "scatter_rows: want at least 0 rows, got {}", rows);
  Tensor checked = checked_index("scatter_rows", x, index, rows);
  Tensor y = scatter("scatter_rows", x, checked, 1, rows, false, with_rows_of({rows}, x, 1));
  return record("scatter_rows", y, {x},
                [checked](const Node&, const Tensor& dy) -> Grads { return {gather_rows(dy, checked)}; });
}

Tensor index_copy(Tensor x, const Tensor& index, const Tensor& rows) {
  check(x.rank() >= 1 && index.rank() == 1 && rows.shape() == with_rows_of(index.shape(), x, 1) &&
            rows.dtype() == x.dtype() && rows.device() == x.device(),
        "index_copy: want an index [K] and K rows like those of {} {} on {}, got {} and {} {} on {}",
        name_of(x.dtype()), x.shape(), x.device(), index.shape(), name_of(rows.dtype()), rows.shape(), rows.device());
  Tensor checked = checked_index("index_copy", x, index, x.size(0));
  Tensor y = own_memory(std::move(x));
  if (y.numel() == 0) return y;
  dispatch(y.device(), [&](auto& ctx) {
    kernels::put_rows(ctx, rows.raw(), checked.data<int64_t>(), y.raw(), y.size(0), index.numel(),
                      y.bytes() / size_t(y.size(0)));
  });
  return y;
}

Tensor gather_tokens(const Tensor& x, const Tensor& index) {
  check(x.rank() >= 2 && index.rank() == 2 && index.shape()[0] == x.shape()[0],
        "gather_tokens: want tokens [N, T, ...] and an index [N, K], got {} and {}", x.shape(), index.shape());
  return gather("gather_tokens", x, index, x.shape()[0], x.shape()[1], true, with_rows_of(index.shape(), x, 2));
}

Tensor pick(const Tensor& x, const Tensor& index) {
  check(x.rank() == 2 && index.shape() == Shape{x.shape()[0]}, "pick: want rows [N, C] and an index [N], got {} and {}",
        x.shape(), index.shape());
  return gather("pick", x, index, x.shape()[0], x.shape()[1], true, index.shape());
}

Tensor embedding(const Tensor& weight, const Tensor& ids) {
  check(weight.rank() == 2, "embedding: want a weight [V, D], got {}", weight.shape());
  return gather("embedding", weight, ids, 1, weight.shape()[0], false, with_rows_of(ids.shape(), weight, 1));
}

Tensor one_hot(const Tensor& labels, int64_t classes) {
  check(classes > 0, "one_hot: want at least 1 class, got {}", classes);
  Tensor index = checked_index("one_hot", labels, labels, classes);
  Shape shape = labels.shape();
  shape.push_back(classes);
  Tensor y = Tensor::empty(shape, Dtype::f32, labels.device());
  dispatch(labels.device(),
           [&](auto& ctx) { kernels::one_hot(ctx, index.data<int64_t>(), y.data<float>(), labels.numel(), classes); });
  return y;
}

}  // namespace fovea
