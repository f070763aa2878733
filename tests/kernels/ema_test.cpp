#include <fovea/kernels/ema.h>

#include <vector>

#include "support/catch.h"
#include "support/numbers.h"

using namespace fovea::kernels;
using namespace fovea::testing;

TEST_CASE("ema moves every array of a network towards the student", "[kernels][ema]") {
  const std::vector<int64_t> sizes{1, 16384, 0, 50001};
  std::vector<std::vector<float>> teacher, student, want;
  std::vector<EmaArray<float>> arrays;
  for (size_t i = 0; i < sizes.size(); ++i) {
    teacher.push_back(pseudo_normal(sizes[i], i));
    student.push_back(pseudo_normal(sizes[i], 10 + i));
    want.push_back(teacher[i]);
    for (size_t k = 0; k < want[i].size(); ++k) want[i][k] = 0.99f * teacher[i][k] + 0.01f * student[i][k];
  }
  for (size_t i = 0; i < sizes.size(); ++i) arrays.push_back({sizes[i], teacher[i].data(), student[i].data()});
  ema(cpu(), arrays.data(), int64_t(arrays.size()), 0.99);
  for (size_t i = 0; i < sizes.size(); ++i) CHECK(largest_difference(teacher[i], want[i]) < 1e-6);
}

TEST_CASE("ema with momentum 0 copies and with 1 keeps, exactly", "[kernels][ema]") {
  const std::vector<double> student{1.5, -2, 1e300};
  std::vector<double> teacher{3, 4, 5};
  EmaArray<double> array{3, teacher.data(), student.data()};
  ema(cpu(), &array, 1, 1.0);
  CHECK(teacher == std::vector<double>{3, 4, 5});
  ema(cpu(), &array, 1, 0.0);
  CHECK(teacher == student);
}
