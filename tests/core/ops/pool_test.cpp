#include <fovea/core/ops/pool.h>

#include <cmath>

#include "support/catch.h"
#include "support/op_rows.h"
#include "support/waves.h"

using namespace fovea;
using namespace fovea::testing;

// What PyTorch makes of the image [1, 5, 6, 1] of waves() in f64, six digits.
struct Expected {
  Shape shape;
  std::vector<double> values;
};

static void check_result(const Tensor& y, const Expected& expected) {
  CHECK(relative_error(y, Tensor::from<double>(expected.shape, expected.values)) < 4e-6);
}

TEST_CASE("max_pool2d in ceil mode gives PyTorch's numbers", "[core][pool]") {
  const Tensor x = waves({1, 5, 6, 1});
  check_result(
      max_pool2d(x, {.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true}),
      {{1, 3, 4, 1},
       {1.38844, 2.1709, 2.07634, 2.07634, 1.9092, 1.98121, 2.07634, 2.07634, 1.73914, 1.98121, 2.38553, 2.38553}});
  check_result(max_pool2d(x, {.kernel = 2, .stride = 3, .ceil_mode = true}),
               {{1, 2, 2, 1}, {1.38844, 2.02642, 1.73914, 1.79149}});
}

TEST_CASE("avg_pool2d with padding in ceil mode gives PyTorch's numbers, padding counted or not", "[core][pool]") {
  const Tensor x = waves({1, 5, 6, 1});
  Pool2dOptions options{.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true};
  check_result(avg_pool2d(x, options), {{1, 3, 4, 1},
                                        {-0.224402, 0.365771, 0.690974, 0.229128, 0.171747, 0.22932, 0.144834,
                                         0.0959866, -0.135556, 0.305753, 0.720433, 0.320232}});
  options.count_include_pad = false;
  check_result(avg_pool2d(x, options), {{1, 3, 4, 1},
                                        {-0.504905, 0.548657, 1.03646, 0.687385, 0.257621, 0.22932, 0.144834, 0.191973,
                                         -0.305, 0.458629, 1.08065, 0.960695}});
  check_result(avg_pool2d(x, {.kernel = 2, .stride = 3, .ceil_mode = true}),
               {{1, 2, 2, 1}, {-0.504905, 1.211, -0.305, 1.14063}});
}

TEST_CASE("adaptive_avg_pool2d gives PyTorch's numbers", "[core][pool]") {
  check_result(adaptive_avg_pool2d(waves({1, 5, 6, 1}), {3, 4}),
               {{1, 3, 4, 1},
                {-0.504905, 0.207974, 1.211, 0.93968, 0.257621, 0.266359, 0.121264, 0.139629, -0.305, 0.164859, 1.14063,
                 1.09789}});
}

TEST_CASE("resize bilinear gives PyTorch's numbers", "[core][pool]") {
  const Tensor x = waves({1, 5, 6, 1});
  check_result(resize(x, {8, 4}, {ResizeMode::bilinear}),
               {{1, 8, 4, 1}, {0.347109,  1.97528,   1.78731,   -0.258681, -0.536947, 0.602229,  1.29136,  0.679506,
                               -1.46484,  -1.09138,  0.501349,  1.69027,   0.622686,  -0.373906, -1.02231, -0.264438,
                               1.36763,   0.589788,  -0.743723, -0.89953,  0.769984,  1.7997,    1.3371,   -0.215001,
                               -0.543808, 0.0977695, 1.03692,   1.17627,   -1.51916,  -1.32006,  0.641616, 2.20513}});
  check_result(resize(x, {8, 4}, {ResizeMode::bilinear, true}),
               {{1, 8, 4, 1}, {0,         1.91008,  1.7076,   -0.701566, -0.938944, 0.115753,  1.1473,   0.885807,
                               -1.13567,  -1.04131, 0.367154, 1.63168,   0.894241,  -0.286597, -1.07253, -0.146957,
                               1.46864,   0.607835, -0.86225, -0.872808, 0.587525,  1.64199,   0.99801,  -0.545876,
                               -0.379488, 0.490216, 1.1597,   0.757147,  -1.37513,  -1.39019,  0.755206, 2.38553}});
  check_result(resize(x, {8, 4}, {ResizeMode::bilinear, false, true}),
               {{1, 8, 4, 1}, {0.520663,  1.89402,  1.72366,   -0.0372379, -0.445981, 0.595137, 1.21978,   0.762376,
                               -1.48669,  -1.01192, 0.434083,  1.59451,    0.534484,  -0.38246, -0.944564, -0.364866,
                               1.33777,   0.54076,  -0.659499, -0.920553,  0.923167,  1.75774,  1.28928,   -0.0725508,
                               -0.509291, 0.128429, 0.985964,  1.19501,    -1.59118,  -1.23347, 0.598483,  2.11493}});
  check_result(
      resize(x, {3, 9}, {ResizeMode::bilinear}),
      {{1, 3, 9, 1}, {-0.547717, -0.105198, 0.468839,  0.994905,  1.31096,  1.43813,  1.20867,  0.687855, 0.224401,
                      1.9092,    1.4237,    0.726338,  -0.121099, -1.04617, -1.77589, -1.84186, -1.44731, -1.03627,
                      -0.794341, -0.757731, -0.614163, -0.18633,  0.359178, 0.894445, 1.28131,  1.40684,  1.43564}});
  check_result(
      resize(x, {3, 9}, {ResizeMode::bilinear, true}),
      {{1, 3, 9, 1}, {0,        0.867772, 1.58405,  2.07309,   2.09866,  1.90686,  1.30909,  0.405648, -0.701566,
                      1.9092,   1.30232,  0.620408, -0.174064, -1.04617, -1.77176, -1.83361, -1.55007, -1.03627,
                      -1.37513, -1.73521, -1.74086, -1.21486,  -0.40441, 0.471231, 1.32316,  1.93453,  2.38553}});
  check_result(
      resize(x, {3, 9}, {ResizeMode::bilinear, false, true}),
      {{1, 3, 9, 1}, {-0.704208, -0.333602, 0.168836,  0.696167, 1.0859,    1.31559,   1.20275,   0.831755,  0.488963,
                      0.777131,  0.646313,  0.436478,  0.120413, -0.220786, -0.496017, -0.548213, -0.389352, -0.217443,
                      -0.6284,   -0.499028, -0.272213, 0.117555, 0.577346,  0.999136,  1.2369,    1.23029,   1.16424}});
}

TEST_CASE("resize bicubic gives PyTorch's numbers", "[core][pool]") {
  const Tensor x = waves({1, 5, 6, 1});
  check_result(resize(x, {8, 4}, {ResizeMode::bicubic}),
               {{1, 8, 4, 1}, {0.471428,  2.369,    1.95919,  -0.544411, -0.843745, 0.505895,  1.6018,   0.896364,
                               -1.60729,  -1.37137, 0.563444, 1.8682,    0.748178,  -0.710287, -1.61677, -0.30021,
                               1.91403,   0.959509, -1.17953, -1.4043,   0.822698,  2.04552,   1.44432,  -0.372282,
                               -0.673547, 0.174792, 1.38963,  1.2856,    -1.73993,  -1.79093,  0.65324,  2.50028}});
  check_result(resize(x, {8, 4}, {ResizeMode::bicubic, true}),
               {{1, 8, 4, 1}, {0,         2.01776,  1.80768,  -0.701566, -1.32616, -0.114366, 1.53251,  1.23679,
                               -1.32246,  -1.48088, 0.358843, 1.9109,    1.06864,  -0.585469, -1.6796,  -0.156085,
                               1.96693,   0.980012, -1.3427,  -1.35024,  0.737569, 2.08182,   1.12114,  -0.79852,
                               -0.526086, 0.697482, 1.61359,  0.792271,  -1.37513, -1.56334,  0.846598, 2.38553}});
  check_result(resize(x, {8, 4}, {ResizeMode::bicubic, false, true}),
               {{1, 8, 4, 1}, {0.598377,  2.22622,   1.89643,  -0.282942, -0.588111, 0.67077,   1.48605,  0.814743,
                               -1.66894,  -1.2547,   0.538401, 1.80231,   0.714154,  -0.588548, -1.42151, -0.489622,
                               1.75742,   0.737494,  -1.0566,  -1.30635,  0.933666,  2.00679,   1.42508,  -0.190882,
                               -0.697598, 0.0340909, 1.19481,  1.37376,   -1.80268,  -1.64811,  0.638429, 2.37919}});
  check_result(
      resize(x, {3, 9}, {ResizeMode::bicubic}),
      {{1, 3, 9, 1}, {-0.797991, -0.319291, 0.44999,   0.993239,   1.51324,  1.66049,  1.46296,  0.804101, 0.261059,
                      1.99349,   1.54287,   0.696239,  -0.0435593, -1.15607, -1.91169, -1.94028, -1.45659, -0.964913,
                      -0.926794, -0.897704, -0.641615, -0.195576,  0.494897, 1.1349,   1.47831,  1.58494,  1.51831}});
  check_result(
      resize(x, {3, 9}, {ResizeMode::bicubic, true}),
      {{1, 3, 9, 1}, {0,        0.802146, 1.71723,  2.11375,   2.26168,  1.93427,  1.46843,  0.32652,  -0.701566,
                      1.9092,   1.42775,  0.597938, -0.107703, -1.15607, -1.88055, -1.97279, -1.57299, -1.03627,
                      -1.37513, -1.83611, -1.87093, -1.30476,  -0.4533,  0.53712,  1.32859,  2.07371,  2.38553}});
  check_result(
      resize(x, {3, 9}, {ResizeMode::bicubic, false, true}),
      {{1, 3, 9, 1}, {-0.791449, -0.455377, 0.103113,  0.658267, 1.10988,   1.34573,   1.24762,   0.831415,  0.487313,
                      0.865495,  0.743659,  0.484929,  0.113482, -0.299183, -0.610883, -0.677024, -0.457887, -0.241944,
                      -0.607874, -0.492059, -0.233173, 0.158458, 0.628636,  1.04385,   1.2701,    1.22232,   1.11258}});
}

TEST_CASE("max_pool2d sends the gradient of a tie to the first place, and sees NaN", "[core][pool]") {
  Tensor x = Tensor::zeros({1, 4, 4, 1}).set_requires_grad();
  max_pool2d(x, {.kernel = 3, .stride = 2, .padding = 1}).backward(Tensor::from<float>({1, 2, 2, 1}, {1, 2, 3, 4}));
  CHECK(x.grad().to_vector<float>() == std::vector<float>{1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  Tensor bad = Tensor::from<float>({1, 1, 3, 1}, {1, NAN, 3});
  CHECK(std::isnan(max_pool2d(bad, {.kernel = {1, 3}}).item()));
}

TEST_CASE("max_pool2d and avg_pool2d of a tensor too large for the caches pass its gradient on", "[core][pool]") {
  Tensor x = Tensor::zeros({4, 401, 400, 11}).set_requires_grad();
  Tensor dy = Tensor::full({4, 200, 200, 11}, 4);
  max_pool2d(x, {.kernel = 2}).backward(dy);  // every window is a tie
  int64_t wrong = 0;
  auto at = [&x](int64_t i) { return x.grad().data<float>()[i]; };
  for (int64_t i = 0; i < x.numel(); ++i) {
    const int64_t row = i / 11 / 400 % 401, col = i / 11 % 400;
    wrong += at(i) != (row < 400 && row % 2 == 0 && col % 2 == 0 ? 4.0f : 0.0f);
  }
  CHECK(wrong == 0);
  x.zero_grad();
  avg_pool2d(x, {.kernel = 2}).backward(dy);
  for (int64_t i = 0; i < x.numel(); ++i) wrong += at(i) != (i / 11 / 400 % 401 < 400 ? 1.0f : 0.0f);
  CHECK(wrong == 0);
}

TEST_CASE("global_avg_pool of bf16 images gives f32 features and bf16 gradients", "[core][pool]") {
  Tensor x = Tensor::full({2, 3, 3, 4}, 0.5, Dtype::bf16).set_requires_grad();
  Tensor y = global_avg_pool(x);
  CHECK(y.dtype() == Dtype::f32);
  CHECK(y.to_vector<float>() == std::vector<float>(8, 0.5f));
  y.backward(Tensor::full({2, 4}, 9));
  CHECK(x.grad().dtype() == Dtype::bf16);
  CHECK(x.grad().to_vector<float>() == std::vector<float>(72, 1.0f));
}

TEST_CASE("resize to the same size is the identity", "[core][pool]") {
  const Tensor x = waves({2, 5, 3, 2});
  for (ResizeMode mode : {ResizeMode::bilinear, ResizeMode::bicubic})
    for (bool antialias : {false, true})
      CHECK(resize(x, {5, 3}, {.mode = mode, .antialias = antialias}).to_vector<double>() == x.to_vector<double>());
}

TEST_CASE("a wrong pooling or resize says what it wants", "[core][pool]") {
  Tensor x = Tensor::zeros({1, 4, 4, 3});
  CHECK_THROWS_WITH(max_pool2d(Tensor::zeros({4, 4, 3}), {}),
                    Catch::Contains("[N, H, W, C]") && Catch::Contains("[4, 4, 3]"));
  CHECK_THROWS_WITH(max_pool2d(x, {.kernel = 5}), Catch::Contains("at least the kernel 5x5"));
  CHECK_THROWS_WITH(avg_pool2d(x, {.kernel = 3, .padding = 2}), Catch::Contains("at most half the kernel"));
  CHECK_THROWS_WITH(avg_pool2d(x, {.kernel = 0}), Catch::Contains("at least 1"));
  CHECK_THROWS_WITH(adaptive_avg_pool2d(x, {0, 2}), Catch::Contains("output of at least 1x1"));
  CHECK_THROWS_WITH(resize(x, {2, 0}), Catch::Contains("output 2x0"));
  CHECK_THROWS_WITH(resize(x, 2, {.align_corners = true, .antialias = true}), Catch::Contains("got both"));
}
