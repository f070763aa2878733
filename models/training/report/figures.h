#pragma once

#include <vector>

#include <fovea/data/batch.h>
#include <fovea/data/image/loader.h>
#include <fovea/models/methods/evaluation.h>

// Pictures of a run for its report.
namespace fovea::models {

// The first images of a batch beside the views that the loader makes of them in its first epoch.
Section first_views(const data::Loader& loader, const data::Batch& batch);
// The test images along the two directions in which their features vary most; nothing for fewer than two of either.
std::vector<Section> map_of_features(const Subject& subject);
// The first test image of each class (of the first eight that have one) with its nearest training images.
Section neighbours(const Subject& subject);

}  // namespace fovea::models
