#include <fovea/models/methods/distillation/dino.h>

#include <fovea/models/parts/heads.h>
#include <fovea/models/parts/prototypes.h>
#include <fovea/nn/init.h>

namespace fovea::models {

nn::Sequential dino_head(int64_t in, const DinoOptions& o, Generator& generator) {
  const int64_t hidden = o.hidden > 0 ? o.hidden : 4 * in;
  nn::Sequential head = make_head({{.in = in, .out = hidden, .batch_norm = o.batch_norm, .gelu = true},
                                   {.in = hidden, .out = hidden, .batch_norm = o.batch_norm, .gelu = true},
                                   {.in = hidden, .out = o.bottleneck}},
                                  generator);
  for (const nn::NamedTensor& entry : head.named_parameters()) {
    if (entry.value.rank() == 2) nn::trunc_normal_(entry.value, {.std = 0.02}, generator);
    if (entry.name.ends_with("bias")) nn::constant_(entry.value, 0);
  }
  head.append(CosineLinear(o.bottleneck, o.outputs, generator));
  return head;
}

static Encoder dino_encoder(Backbone network, const DinoOptions& options, Generator& generator) {
  nn::Sequential head = dino_head(network.features(), options, generator);
  return Encoder(std::move(network), std::move(head));
}

Dino::Dino(Backbone network, const DinoOptions& options, Generator& generator)
    : student(dino_encoder(std::move(network), options, generator)), teacher(student) {}

void Dino::freeze_last_layer(bool frozen) {
  nn::freeze(student.projector[student.projector.size() - 1].module(), frozen);
}

}  // namespace fovea::models
