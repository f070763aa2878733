#include <fovea/data/dataset.h>

#include <cstring>
#include <filesystem>
#include <map>

#include <zlib.h>

#include <fovea/core/random.h>
#include <fovea/data/sets/cifar.h>
#include <fovea/data/sets/fashion_mnist.h>
#include <fovea/data/sets/image_folder.h>
#include <fovea/data/sets/synthetic.h>

#include "support/catch.h"
#include "support/files.h"

using namespace fovea;
using namespace fovea::data;
using fovea::testing::TemporaryFolder;
using fovea::testing::write_file;

namespace fs = std::filesystem;

namespace {

std::string big_endian(uint32_t v) {
  return {char(v >> 24), char(v >> 16), char(v >> 8), char(v)};
}

std::string idx_images(uint32_t n, uint32_t rows, uint32_t columns, size_t bytes) {
  std::string data = big_endian(0x803) + big_endian(n) + big_endian(rows) + big_endian(columns);
  for (size_t i = 0; i < bytes; ++i) data += char(i % 251);
  return data;
}

std::string idx_labels(const std::vector<int>& labels) {
  std::string data = big_endian(0x801) + big_endian(uint32_t(labels.size()));
  for (int label : labels) data += char(label);
  return data;
}

std::string gzip(const std::string& bytes, const fs::path& scratch) {
  gzFile file = gzopen(scratch.c_str(), "wb");
  gzwrite(file, bytes.data(), unsigned(bytes.size()));
  gzclose(file);
  return fovea::testing::read_file(scratch);
}

// A folder with a good tiny Fashion-MNIST: three images to train on, two to test, of 4 rows and 5 columns.
void write_fashion_mnist(const TemporaryFolder& folder) {
  write_file(folder / "train-images-idx3-ubyte", idx_images(3, 4, 5, 60));
  write_file(folder / "train-labels-idx1-ubyte", idx_labels({9, 0, 4}));
  write_file(folder / "t10k-images-idx3-ubyte.gz", gzip(idx_images(2, 4, 5, 40), folder / "scratch"));
  write_file(folder / "t10k-labels-idx1-ubyte.gz", gzip(idx_labels({1, 2}), folder / "scratch"));
}

std::string refusal(const std::string& spec) {
  try {
    open_dataset(spec);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string cifar_records(size_t label_bytes, const std::vector<std::vector<int>>& labels) {
  std::string data;
  for (const auto& record : labels) {
    REQUIRE(record.size() == label_bytes);
    for (int label : record) data += char(label);
    for (int i = 0; i < 3072; ++i) data += char(i < 1024 ? 10 : i < 2048 ? 20 : i == 3071 ? 99 : 30);
  }
  return data;
}

void write_png(const fs::path& path, int value) {
  fs::create_directories(path.parent_path());
  Image image(6, 5);
  std::memset(image.data(), value, image.bytes());
  save_png(image, path);
}

}  // namespace

TEST_CASE("IDX files are read, plain or gzipped", "[data][datasets]") {
  TemporaryFolder folder;
  write_fashion_mnist(folder);
  const Split split = open_dataset("fashion-mnist:" + folder.path().string());
  CHECK(split.train->size() == 3);
  CHECK(split.test->size() == 2);
  CHECK(split.train->label(0) == 9);
  CHECK(split.train->label(2) == 4);
  CHECK(split.test->label(1) == 2);
  CHECK(split.train->classes().size() == 10);
  CHECK(split.train->classes()[9] == "Ankle boot");
  CHECK(split.train->image_size() == 5);
  const Source source = split.train->get(1);
  CHECK(source.width() == 5);
  CHECK(source.height() == 4);
  for (int channel = 0; channel < 3; ++channel) CHECK(int(source.image()->at(2, 1)[channel]) == 20 + 7);
  CHECK_THROWS_WITH(split.train->get(3), Catch::Contains("[0, 3), got 3"));
  CHECK_THROWS_WITH(split.train->label(-1), Catch::Contains("[0, 3), got -1"));
}

TEST_CASE("bad IDX files are refused by name", "[data][datasets]") {
  TemporaryFolder folder;
  const std::string spec = "fashion-mnist:" + folder.path().string();
  auto broken = [&](const std::string& name, const std::string& bytes) {
    write_fashion_mnist(folder);
    write_file(folder / name, bytes);
    return refusal(spec);
  };
  const std::string images = "train-images-idx3-ubyte", labels = "train-labels-idx1-ubyte";
  CHECK_THAT(refusal(spec + "/none"), Catch::Contains("fashion-mnist: no folder") && Catch::Contains("/none"));
  CHECK_THAT(refusal(spec), Catch::Contains("want train-images-idx3-ubyte or train-images-idx3-ubyte.gz in"));
  CHECK_THAT(broken(images, idx_labels({1, 2, 3})),
             Catch::Contains(images) && Catch::Contains("magic number 0x803, got 0x801"));
  CHECK_THAT(broken(images, "no"), Catch::Contains("truncated file"));
  CHECK_THAT(broken(images, idx_images(3, 4, 5, 59)), Catch::Contains("want 60 bytes, got 59"));
  CHECK_THAT(broken(images, idx_images(3, 4, 5, 61)), Catch::Contains("no data after the last item"));
  CHECK_THAT(broken(images, idx_images(0, 4, 5, 0)), Catch::Contains("sizes above 0"));
  CHECK_THAT(broken(images, idx_images(~0u, ~0u, ~0u, 60)), Catch::Contains("at most 4 GiB"));
  CHECK_THAT(broken(images, idx_images(1 << 15, 1 << 8, 1 << 8, 60)), Catch::Contains("truncated"));
  CHECK_THAT(broken(images, idx_images(2, 4, 5, 40)), Catch::Contains("want 3 images") && Catch::Contains("got 2"));
  CHECK_THAT(broken(labels, idx_labels({0, 10, 1})),
             Catch::Contains(labels) && Catch::Contains("labels below 10, got 10 for image 1"));

  const std::string packed = gzip(idx_images(2, 4, 5, 40), folder / "scratch"), name = "t10k-images-idx3-ubyte.gz";
  CHECK_THAT(broken(name, packed.substr(0, packed.size() - 12)), Catch::Contains(name) && Catch::Contains("truncated"));
  size_t refused = 0;
  for (size_t i = 10; i < packed.size(); ++i) {
    std::string bytes = packed;
    bytes[i] ^= 0x10;
    const std::string message = broken(name, bytes);
    if (!message.empty()) CHECK_THAT(message, Catch::Contains(name));
    refused += !message.empty();
  }
  CHECK(refused + 1 >= packed.size() - 10);  // all but, at most, the bits that fill up the last byte
}

TEST_CASE("CIFAR's binary files are read", "[data][datasets]") {
  TemporaryFolder folder;
  for (int i = 1; i <= 5; ++i)
    write_file(folder / ("data_batch_" + std::to_string(i) + ".bin"), cifar_records(1, {{i}, {9}}));
  write_file(folder / "test_batch.bin", cifar_records(1, {{0}}));
  Split split = open_dataset("cifar10:" + folder.path().string());
  CHECK(split.train->size() == 10);
  CHECK(split.test->size() == 1);
  CHECK(split.train->label(8) == 5);
  CHECK(split.train->classes()[3] == "3");
  const auto image = split.train->get(4).image();
  CHECK(image->width() == 32);
  CHECK(int(image->at(31, 31)[0]) == 10);
  CHECK(int(image->at(31, 31)[1]) == 20);
  CHECK(int(image->at(31, 31)[2]) == 99);
  write_file(folder / "batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  CHECK(cifar10(folder.path()).test->classes()[9] == "j");
  write_file(folder / "batches.meta.txt", "a\nb\n");
  CHECK_THAT(refusal("cifar10:" + folder.path().string()), Catch::Contains("want 10 class names, got 2"));

  write_file(folder / "train.bin", cifar_records(2, {{19, 99}, {3, 7}}));
  write_file(folder / "test.bin", cifar_records(2, {{0, 1}}));
  CHECK(open_dataset("cifar100:" + folder.path().string()).train->label(0) == 99);
  CHECK(cifar100(folder.path(), {.coarse = true}).train->label(0) == 19);
  CHECK(cifar100(folder.path(), {.coarse = true}).train->classes().size() == 20);
  fs::create_directory(folder / "cifar-100-binary");
  write_file(folder / "cifar-100-binary" / "train.bin", cifar_records(2, {{1, 2}}));
  write_file(folder / "cifar-100-binary" / "test.bin", cifar_records(2, {{3, 4}}));
  CHECK(cifar100(folder.path()).test->label(0) == 4);
}

TEST_CASE("bad CIFAR files are refused by name", "[data][datasets]") {
  TemporaryFolder folder;
  const std::string spec = "cifar100:" + folder.path().string();
  CHECK_THAT(refusal("cifar10:" + folder.path().string() + "/none"), Catch::Contains("cifar10: no folder"));
  CHECK_THAT(refusal(spec), Catch::Contains("train.bin: no such file"));
  write_file(folder / "test.bin", cifar_records(2, {{0, 1}}));
  const std::string good = cifar_records(2, {{19, 99}});
  write_file(folder / "train.bin", good.substr(1));
  CHECK_THAT(refusal(spec), Catch::Contains("train.bin: want records of 3074 bytes, got 3073 bytes"));
  write_file(folder / "train.bin", "");
  CHECK_THAT(refusal(spec), Catch::Contains("got 0 bytes"));
  write_file(folder / "train.bin", cifar_records(2, {{19, 99}, {0, 100}}));
  CHECK_THAT(refusal(spec), Catch::Contains("labels below 100, got 100 in record 1"));
}

TEST_CASE("a folder of class folders is a dataset", "[data][datasets]") {
  TemporaryFolder folder;
  for (const char* part : {"train", "val"}) {
    write_png(folder / part / "cat" / "b.png", 2);
    write_png(folder / part / "cat" / "a.PNG", 1);
    write_png(folder / part / "ant" / "deep" / "c.png", 3);
    write_file(folder / part / "cat" / "notes.txt", "not an image");
  }
  fs::copy_file(fovea::testing::fixture("images/photo.jpg"), folder / "train" / "ant" / "photo.jpeg");
  const Split split = open_dataset("imagefolder:" + folder.path().string());
  CHECK(split.train->classes() == std::vector<std::string>{"ant", "cat"});
  CHECK(split.train->size() == 4);
  CHECK(split.test->size() == 3);
  CHECK(split.train->label(0) == 0);
  CHECK(split.train->label(2) == 1);
  CHECK(int(*split.train->get(0).image()->data()) == 3);
  CHECK(split.train->get(1).width() == 320);
  CHECK(int(*split.train->get(2).image()->data()) == 1);
  // Kept from the first read on, so the file is not missed.
  fs::remove(folder / "train" / "cat" / "b.png");
  CHECK_THROWS_WITH(split.train->get(3), Catch::Contains("b.png: no such file"));
  write_png(folder / "train" / "cat" / "b.png", 7);
  CHECK(int(*split.train->get(3).image()->data()) == 7);
  fs::remove(folder / "train" / "cat" / "b.png");
  CHECK(int(*split.train->get(3).image()->data()) == 7);
  // Without a cache nothing is kept, and JPEG files stay encoded.
  const DatasetPtr lean = image_folder(folder / "train", {.cache_bytes = 0});
  CHECK(lean->size() == 3);
  CHECK(lean->get(1).crop({0, 0, 10, 10}, 10, 10).width() == 10);
}

TEST_CASE("without a train folder every tenth image of a class is held out", "[data][datasets]") {
  TemporaryFolder folder;
  for (int i = 0; i < 21; ++i) write_png(folder / "a" / ("x" + std::to_string(10 + i) + ".png"), i);
  for (int i = 0; i < 4; ++i) write_png(folder / "b" / (std::to_string(i) + ".png"), 100 + i);
  const Split split = image_folders(folder.path());
  CHECK(split.train->size() == 23);
  CHECK(split.test->size() == 2);
  CHECK(int(*split.test->get(0).image()->data()) == 9);
  CHECK(int(*split.test->get(1).image()->data()) == 19);
  CHECK(split.train->label(22) == 1);
}

TEST_CASE("bad image folders are refused by name", "[data][datasets]") {
  TemporaryFolder folder;
  const std::string spec = "imagefolder:" + folder.path().string();
  CHECK_THAT(refusal(spec + "/none"), Catch::Contains("imagefolder: no folder") && Catch::Contains("/none"));
  CHECK_THAT(refusal(spec), Catch::Contains("a folder for each class"));
  write_png(folder / "a" / "1.png", 1);
  fs::create_directories(folder / "empty-one");
  CHECK_THAT(refusal(spec),
             Catch::Contains("no JPEG, PNG or BMP image in class folder") && Catch::Contains("empty-one"));
  fs::remove(folder / "empty-one");
  CHECK_THAT(refusal(spec), Catch::Contains("at least ten images"));
  write_png(folder / "train" / "a" / "1.png", 1);
  CHECK_THAT(refusal(spec), Catch::Contains("no folder") && Catch::Contains("test"));
  write_png(folder / "val" / "b" / "1.png", 1);
  CHECK_THAT(refusal(spec), Catch::Contains("the same class folders"));
  // A bad file is found when it is read.
  write_file(folder / "train" / "a" / "2.jpg", "\xFF\xD8\xFF but no more");
  const DatasetPtr train = image_folder(folder / "train");
  CHECK_THROWS_WITH(train->get(1).image(), Catch::Contains("2.jpg"));
}

TEST_CASE("drawn images depend on seed and index alone, and each shape is a class", "[data][datasets]") {
  const Split split = open_dataset("synthetic:50");
  CHECK(split.train->size() == 50);
  CHECK(split.test->size() == 10);
  CHECK(split.train->image_size() == 32);
  const DatasetPtr again = synthetic(20);
  CHECK(*split.train->get(7).image() == *again->get(7).image());
  CHECK(!(*split.test->get(7).image() == *again->get(7).image()));
  std::map<int64_t, int> counts;
  for (int64_t i = 0; i < 40; ++i) ++counts[split.train->label(i)];
  CHECK(counts.size() == split.train->classes().size());
  CHECK(counts[0] == 5);
  CHECK_THROWS_WITH(synthetic(0), Catch::Contains("at least one image"));
  CHECK_THROWS_WITH(synthetic(5, {.image_size = 4}), Catch::Contains("8 to 1024"));
  CHECK_THAT(refusal("synthetic:-3"), Catch::Contains("positive number of images, got \"-3\""));
  CHECK_THAT(refusal("synthetic:12x"), Catch::Contains("\"12x\""));
}

TEST_CASE("dataset names are checked", "[data][datasets]") {
  CHECK_THAT(refusal("mnist"), Catch::Contains("want one of fashion-mnist[:DIR], cifar10:DIR,") &&
                                   Catch::EndsWith("got mnist; did you mean fashion-mnist?"));
  CHECK_THAT(refusal(""), Catch::Contains("got \"\""));
  CHECK_THAT(refusal("cifar10"), Catch::Contains("cifar10:DIR"));
  CHECK_THAT(refusal("imagefolder:"), Catch::Contains("imagefolder:DIR"));
}

TEST_CASE("subsets choose by index", "[data][datasets]") {
  const DatasetPtr all = synthetic(20), some = subset(all, {19, 3, 3});
  CHECK(some->size() == 3);
  CHECK(some->label(0) == all->label(19));
  CHECK(*some->get(2).image() == *all->get(3).image());
  CHECK(some->classes() == all->classes());
  CHECK(first(all, 5)->size() == 5);
  CHECK(first(all, 500) == all);
  CHECK(first(some, 2)->label(1) == all->label(3));
  CHECK_THROWS_WITH(subset(all, {20}), Catch::Contains("[0, 20), got 20"));
  CHECK_THROWS_WITH(some->get(3), Catch::Contains("[0, 3), got 3"));
  CHECK_THROWS_WITH(first(all, -1), Catch::Contains("at least 0"));
}

TEST_CASE("Fashion-MNIST itself is as published", "[data][datasets]") {
  if (!fs::is_directory(kFashionMnistDir)) return;  // Debian's package is optional
  const Split split = open_dataset("fashion-mnist");
  CHECK(split.train->size() == 60000);
  CHECK(split.test->size() == 10000);
  CHECK(split.train->image_size() == 28);
  CHECK(split.train->label(0) == 9);
  CHECK(split.test->label(1) == 2);
  std::map<int64_t, int> counts;
  for (int64_t i = 0; i < split.test->size(); ++i) ++counts[split.test->label(i)];
  for (int64_t c = 0; c < 10; ++c) CHECK(counts[c] == 1000);
}
