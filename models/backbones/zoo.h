#pragma once

#include <string>

#include <fovea/core/choices.h>
#include <fovea/models/backbones/backbone.h>
#include <fovea/models/backbones/resnet.h>

namespace fovea::models {

// The backbones by name, each with what makes it.
const Choices<Backbone (*)(const ResNetOptions& options, Generator& generator)>& backbones();
// One of these, "resnet18". Throws Error for an unknown name.
Backbone make_backbone(const std::string& name, const ResNetOptions& options = {},
                       Generator& generator = default_generator());

}  // namespace fovea::models
