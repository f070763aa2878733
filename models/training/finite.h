#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <fovea/data/batch.h>
#include <fovea/nn/module.h>

// Private to models/training/: what to say of a run whose numbers are no longer finite.
namespace fovea::models {

// The first tensor with a value that is not finite: the batch's fields, then parameters and buffers, then gradients;
// empty if none.
std::string first_not_finite(const data::Batch* batch, nn::Module& module);

// Throws Error: "`what` at step N; the first tensor with such a value is `tensor`; the last good checkpoint is ...".
[[noreturn]] void throw_not_finite(const std::string& what, int64_t step, const std::string& tensor,
                                   const std::filesystem::path& checkpoint);

}  // namespace fovea::models
