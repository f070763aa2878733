#include <fovea/core/safetensors.h>

#include <csignal>
#include <cstring>

#include <sys/resource.h>
#include <sys/stat.h>

#include "support/catch.h"
#include "support/files.h"

using namespace fovea;
using namespace fovea::testing;

namespace {

std::string file_of(const std::string& header, const std::string& data) {
  uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + data;
}

// The message of the Error that loading these bytes throws; empty when they load.
std::string refusal(const std::string& bytes) {
  static const TemporaryFolder folder;
  write_file(folder / "hostile.safetensors", bytes);
  try {
    load_safetensors(folder / "hostile.safetensors");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

SafeTensors sample() {
  SafeTensors file;
  file.tensors["w"] = Tensor::from<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  file.tensors["b.half"] = Tensor::from<float>({3}, {1, -0.5f, 2}).to(Dtype::bf16);
  file.tensors["n"] = Tensor::from<int64_t>({}, {42});
  file.tensors["bytes"] = Tensor::from<uint8_t>({5}, {1, 2, 3, 4, 5});
  file.tensors["fine"] = Tensor::from<double>({1}, {1e-200});
  file.tensors["nothing"] = Tensor::zeros({0, 4});
  file.metadata = {{"step", "17"}, {"quote", "a \"b\" \n c"}};
  return file;
}

}  // namespace

TEST_CASE("a safetensors file written by the reference implementation reads as it was meant", "[core][safetensors]") {
  SafeTensors file = load_safetensors(fixture("safetensors_file.safetensors"));
  CHECK(file.metadata == std::map<std::string, std::string>{{"who", "PyTorch"}, {"ключ", "значение"}});
  CHECK(file.tensors.size() == 8);
  CHECK(file.tensors["f32"].shape() == Shape{2, 2});
  CHECK(file.tensors["f32"].to_vector<float>() == std::vector<float>{1.5f, -2.25f, 0, 1e30f});
  CHECK(file.tensors["f64"].to_vector<double>() == std::vector<double>{1e-300, 2});
  CHECK(file.tensors["bf16"].dtype() == Dtype::bf16);
  CHECK(file.tensors["bf16"].to_vector<float>() == std::vector<float>{1, -0.5f, 3});
  CHECK(file.tensors["f16"].dtype() == Dtype::f32);
  CHECK(file.tensors["f16"].to_vector<float>() ==
        std::vector<float>{1, -0.5f, 65504, 0x1p-24f, INFINITY, 336 * 0x1p-24f});
  CHECK(file.tensors["i64"].to_vector<int64_t>() == std::vector<int64_t>{-1, int64_t(1) << 40});
  CHECK(file.tensors["u8"].to_vector<uint8_t>() == std::vector<uint8_t>{0, 255, 7});
  CHECK(file.tensors["scalar"].shape() == Shape{});
  CHECK(file.tensors["scalar"].item() == 7);
  CHECK(file.tensors["empty"].shape() == Shape{0, 3});
}

TEST_CASE("what is saved is what is loaded, in the same bytes every time", "[core][safetensors]") {
  TemporaryFolder folder;
  SafeTensors file = sample();
  save_safetensors(folder / "a.safetensors", file);
  SafeTensors back = load_safetensors(folder / "a.safetensors");
  CHECK(back.metadata == file.metadata);
  REQUIRE(back.tensors.size() == file.tensors.size());
  for (const auto& [name, t] : file.tensors) {
    INFO(name);
    CHECK(back.tensors[name].dtype() == t.dtype());
    CHECK(back.tensors[name].shape() == t.shape());
    CHECK(back.tensors[name].to_vector<double>() == t.to_vector<double>());
  }
  save_safetensors(folder / "b.safetensors", back);
  std::string bytes = read_file(folder / "a.safetensors");
  CHECK(read_file(folder / "b.safetensors") == bytes);
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  CHECK(header % 8 == 0);
}

TEST_CASE("a damaged or hostile safetensors file is refused with its reason", "[core][safetensors]") {
  TemporaryFolder folder;
  CHECK_THROWS_WITH(load_safetensors(folder / "absent"), Catch::Contains("absent") && Catch::Contains("No such file"));
  CHECK_THROWS_WITH(load_safetensors(folder.path()), Catch::Contains("not a file"));
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK_THROWS_WITH(load_safetensors(folder / "pipe"), Catch::Contains("not a file"));

  struct Hostile {
    const char* header;
    size_t data;
    const char* reason;
  };
  const Hostile cases[] = {
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 3, "truncated or damaged"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 5, "the last 1 bytes belong to no tensor"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "bytes belong to no tensor"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "does not fill its 4 bytes"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "truncated or damaged"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}})", 4, "truncated or damaged"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0, "does not fill its 0 bytes"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "something else than a size"},
      {R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, "something else than a size"},
      {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4, "at most 6 sizes"},
      {R"({"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}})", 4, "at most 6 sizes"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "not two offsets"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,"4"]}})", 4, "not two offsets"},
      {R"({"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}})", 8, "\"a\" has dtype \"C64\""},
      {R"({"a":{"dtype":3,"shape":[1],"data_offsets":[0,4]}})", 4, "not a string"},
      {R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4, "not an object with dtype"},
      {R"({"a":[]})", 0, "not an object with dtype"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
       6, "overlap"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
       2, "\"a\" appears twice"},
      {R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "\"dtype\" appears twice"},
      {R"({"__metadata__":{"k":1}})", 0, "\"k\" is not a string"},
      {R"({"__metadata__":[]})", 0, "__metadata__ is not an object"},
      {R"({"a":{"dtype":"F32","shape":[[[[1]]]],"data_offsets":[0,4]}})", 4, "nested deeper"},
      {R"({"a":{"dtype":"F32")", 0, "not a JSON object"},
      {R"([1,2])", 0, "not a JSON object"},
      {"{\"\xff\":1}", 0, "not a JSON object"},
      {"", 0, "not a JSON object"},
  };
  for (const Hostile& hostile : cases) {
    INFO(hostile.header);
    std::string message = refusal(file_of(hostile.header, std::string(hostile.data, '\1')));
    CHECK_THAT(message, Catch::Contains(hostile.reason) && Catch::Contains("hostile.safetensors: "));
    CHECK(message.find('\n') == std::string::npos);
  }
  CHECK_THAT(refusal("1234567"), Catch::Contains("7 bytes are too few"));
  CHECK_THAT(refusal(std::string(16, '\xff')), Catch::Contains("the limit is 100000000"));
  CHECK_THAT(refusal(std::string("\x40\0\0\0\0\0\0\0{}", 10)), Catch::Contains("claims 64 bytes, but the file has 10"));
  CHECK_THAT(refusal(file_of(std::string(100'000, '['), "")), Catch::Contains("nested deeper"));
}

TEST_CASE("truncations and flipped bits are noticed or do no harm", "[core][safetensors]") {
  TemporaryFolder folder;
  save_safetensors(folder / "good.safetensors", sample());
  std::string good = read_file(folder / "good.safetensors");
  for (size_t size = 0; size < good.size(); ++size) {
    INFO("cut to " << size);
    CHECK(refusal(good.substr(0, size)) != "");
  }
  size_t checksum = good.find("fovea.crc32"), checksum_end = checksum + std::strlen("fovea.crc32");
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = char(bad[at] ^ (1 << at % 8));
    INFO("byte " << at);
    bool noticed = !refusal(bad).empty();
    CHECK((noticed || (at >= checksum && at < checksum_end)));  // the checksum's name may go: all else is intact then
  }
}

TEST_CASE("a failed save leaves the old file and nothing else", "[core][safetensors]") {
  TemporaryFolder folder;
  SafeTensors big;
  big.tensors["x"] = Tensor::zeros({100'000});
  CHECK_THROWS_WITH(save_safetensors(folder / "no/such/folder/a", big), Catch::Contains("cannot write: No such file"));

  save_safetensors(folder / "a", sample());
  std::string before = read_file(folder / "a");
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
  auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small{100'000, limit.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);  // stands in for a full disk: a write stops in the middle
  std::string message;
  try {
    save_safetensors(folder / "a", big);
  } catch (const Error& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, old_handler);
  CHECK_THAT(message, Catch::Contains("cannot write: File too large"));
  CHECK(read_file(folder / "a") == before);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);

  std::filesystem::create_directory(folder / "taken");
  CHECK_THROWS_WITH(save_safetensors(folder / "taken", big), Catch::Contains("cannot write"));
  CHECK_FALSE(std::filesystem::exists(folder / "taken.tmp"));
}

TEST_CASE("names and metadata that cannot be written say so", "[core][safetensors]") {
  TemporaryFolder folder;
  SafeTensors file;
  file.tensors["__metadata__"] = Tensor::zeros({1});
  CHECK_THROWS_WITH(save_safetensors(folder / "a", file), Catch::Contains("__metadata__"));
  file.tensors.clear();
  file.metadata["x"] = std::string(1, '\xff');
  CHECK_THROWS_WITH(save_safetensors(folder / "a", file), Catch::Contains("UTF-8"));
  CHECK_FALSE(std::filesystem::exists(folder / "a"));
}
