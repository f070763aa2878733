#include <fovea/models/simclr.h>

namespace fovea::models {

SimClr::SimClr(ResNet encoder, int64_t out, int64_t hidden, Generator& generator)
    : backbone(std::move(encoder)),
      projector(simclr_head(backbone.features(), hidden > 0 ? hidden : backbone.features(), out, generator)) {}

void SimClr::visit(nn::Visitor& v) {
  v("backbone", backbone);
  v("projector", projector);
}

}  // namespace fovea::models
