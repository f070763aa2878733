#include <fovea/kernels/index.h>

#include <array>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

template <class T>
std::vector<T> counted(int64_t n) {
  std::vector<T> x(static_cast<size_t>(n));
  for (size_t i = 0; i < x.size(); ++i) x[i] = T(i * 2654435761u >> 7);
  return x;
}

template <class T>
void same_copies(const StridedBox& box, int64_t source, int64_t target, int64_t offset) {
  const std::vector<T> x = counted<T>(source);
  std::vector<T> y(size_t(target), T(7));
  OnDevice<T> from(x, offset), to(y, offset);
  // Negative steps begin at the end.
  int64_t first = 0;
  for (int d = 0; d < box.rank; ++d) first -= box.from[d] < 0 ? box.from[d] * (box.size[d] - 1) : 0;
  copy_strided(cpu(), x.data() + first, y.data(), sizeof(T), box);
  copy_strided(cuda(0), from.data() + first, to.data(), sizeof(T), box);
  CHECK(to.host() == y);
}

StridedBox box_of(std::initializer_list<std::array<int64_t, 3>> dims) {
  StridedBox box;
  for (const auto& [n, from, to] : dims) box.push_back(n, from, to);
  return box;
}

}  // namespace

TEMPLATE_TEST_CASE("copies on the device: runs, transposes, steps, repeats, nothing", "[cuda][index]", uint8_t, float,
                   int64_t) {
  using T = TestType;
  for (int64_t offset : {0, 1}) {
    same_copies<T>(box_of({{1000, 1, 1}}), 1000, 1000, offset);
    same_copies<T>(box_of({{5, 48, 64}, {32, 1, 1}}), 300, 400, offset);                           // runs in packs
    same_copies<T>(box_of({{5, 47, 33}, {31, 1, 1}}), 300, 400, offset);                           // odd runs
    same_copies<T>(box_of({{37, 1, 70}, {70, 37, 1}}), 37 * 70, 37 * 70, offset);                  // a transpose
    same_copies<T>(box_of({{3, 600, 600}, {20, 1, 30}, {30, 20, 1}}), 1800, 1800, offset);         // in batches
    same_copies<T>(box_of({{9, 1, 77}, {7, 90, 11}, {11, 9 * 70, 1}}), 9 * 7 * 110, 700, offset);  // the first last
    same_copies<T>(box_of({{6, 1, 5}, {5, 6, 1}}), 30, 30, offset);                                // a small one
    same_copies<T>(box_of({{17, -1, 1}}), 17, 17, offset);                                         // backwards
    same_copies<T>(box_of({{3, 0, 20}, {20, 1, 1}}), 20, 60, offset);                              // repeated
    same_copies<T>(box_of({{4, 8, 1}, {8, 0, 4}}), 32, 32, offset);
    same_copies<T>(box_of({{2, 1, 32}, {2, 2, 16}, {2, 4, 8}, {2, 8, 4}, {2, 16, 2}, {2, 32, 1}}), 64, 64, offset);
    same_copies<T>(StridedBox(), 1, 1, offset);
    same_copies<T>(box_of({{5, 1, 1}, {0, 5, 5}}), 5, 5, offset);
  }
}

TEST_CASE("rows of any size are put in their places on the device, the last of equal ones", "[cuda][index]") {
  const int64_t rows = 23;
  for (int64_t picks : {0, 1, 7, 67})
    for (int64_t row_bytes : {1, 12, 16, 100})
      for (int64_t offset : {0, 1, 4}) {
        INFO(picks << " rows of " << row_bytes << " bytes, offset " << offset);
        const std::vector<uint8_t> x = counted<uint8_t>(picks * row_bytes);
        std::vector<int64_t> index;
        for (int64_t k = 0; k < picks; ++k) index.push_back(k * k % rows);
        std::vector<uint8_t> y(size_t(rows * row_bytes), uint8_t(7));
        OnDevice<uint8_t> x_there(x, offset), y_there(y, offset);
        OnDevice<int64_t> index_there(index);
        put_rows(cpu(), x.data(), index.data(), y.data(), rows, picks, size_t(row_bytes));
        put_rows(cuda(0), x_there.data(), index_there.data(), y_there.data(), rows, picks, size_t(row_bytes));
        CHECK(y_there.host() == y);
      }
}

TEST_CASE("rows of any size are gathered on the device", "[cuda][index]") {
  const int64_t batch = 3, rows = 5, picks = 7;
  for (int64_t row_bytes : {1, 2, 12, 16, 40, 48, 100})
    for (int64_t offset : {0, 1, 4})
      for (bool per_batch : {false, true}) {
        INFO(row_bytes << " bytes a row, offset " << offset);
        const std::vector<uint8_t> x = counted<uint8_t>(batch * rows * row_bytes);
        std::vector<int64_t> index;
        for (int64_t k = 0; k < picks * (per_batch ? batch : 1); ++k) index.push_back(k * k % rows);
        std::vector<uint8_t> y(size_t(batch * picks * row_bytes));
        OnDevice<uint8_t> x_there(x, offset), y_there(y, offset);
        OnDevice<int64_t> index_there(index);
        gather(cpu(), x.data(), index.data(), y.data(), batch, rows, picks, size_t(row_bytes), per_batch);
        gather(cuda(0), x_there.data(), index_there.data(), y_there.data(), batch, rows, picks, size_t(row_bytes),
               per_batch);
        CHECK(y_there.host() == y);
      }
}

TEMPLATE_TEST_CASE("rows are added on the device in the order of the picks", "[cuda][index]", float, bf16, int64_t,
                   uint8_t) {
  using T = TestType;
  using A = accumulator_t<T>;
  const int64_t batch = 2;
  for (int64_t picks : {0, 1, 33, 150, 5000})  // the last in several sorted runs
    for (int64_t cols : {1, 5, 16})
      for (int64_t offset : {0, 1})
        for (bool per_batch : {false, true}) {
          if (picks == 5000 && (cols != 5 || offset)) continue;
          const int64_t rows = picks == 5000 ? 700 : 6;
          INFO(picks << " picks of " << cols << ", offset " << offset);
          std::vector<T> x;
          for (int64_t i = 0; i < batch * picks * cols; ++i) x.push_back(T(std::sin(double(i)) * 1000));
          std::vector<int64_t> index;  // every third goes to the same row
          for (int64_t k = 0; k < picks * (per_batch ? batch : 1); ++k)
            index.push_back(k % 3 ? k * k % 1009 % rows : rows - 1);
          std::vector<A> y(size_t(batch * rows * cols), A(3));
          OnDevice<T> x_there(x, offset);
          OnDevice<A> y_there(y, offset);
          OnDevice<int64_t> index_there(index);
          scatter_add(cpu(), x.data(), index.data(), y.data(), batch, rows, picks, cols, per_batch);
          scatter_add(cuda(0), x_there.data(), index_there.data(), y_there.data(), batch, rows, picks, cols, per_batch);
          CHECK(y_there.host() == y);  // to the bit
        }
}

TEST_CASE("one-hot rows on the device", "[cuda][index]") {
  for (int64_t classes : {1, 3, 10})
    for (int64_t offset : {0, 1}) {
      std::vector<int64_t> labels;
      for (int64_t i = 0; i < 29; ++i) labels.push_back(i * 7 % classes);
      std::vector<float> y(size_t(29 * classes));
      OnDevice<int64_t> labels_there(labels);
      OnDevice<float> there = OnDevice<float>::zeros(29 * classes, offset);
      one_hot(cpu(), labels.data(), y.data(), 29, classes);
      one_hot(cuda(0), labels_there.data(), there.data(), 29, classes);
      CHECK(there.host() == y);
    }
}
