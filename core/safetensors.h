#pragma once

#include <filesystem>
#include <map>
#include <string>

#include <fovea/core/tensor.h>

// The safetensors format (https://github.com/huggingface/safetensors): a length, a JSON header, the numbers. What this
// writes `safetensors.torch.load_file` reads, and the other way round.
namespace fovea {

struct SafeTensors {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;  // free text by key; UTF-8
};

// Reads a whole file into CPU memory. F32, F64, BF16, I64 and U8 keep their type, F16 becomes f32, other types are
// refused. The file is not trusted: header length (at most 100 MB), JSON, names, types, shapes and offsets are checked
// before any number is read, and the tensors must cover the data exactly once. Throws Error naming the file and what is
// wrong with it.
SafeTensors load_safetensors(const std::filesystem::path& path);

// Writes `file` (tensors of any device) so that `path` holds either what it held before or all of the new file: a
// temporary file beside it ("<path>.tmp") is written, synced and renamed. The same content always gives the same bytes.
// Throws Error, leaving no temporary file, when the folder cannot be written or the disk is full.
void save_safetensors(const std::filesystem::path& path, const SafeTensors& file);

}  // namespace fovea
