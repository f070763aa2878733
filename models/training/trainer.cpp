#include <fovea/models/training/trainer.h>

#include <cmath>

#include <fovea/core/autocast.h>
#include <fovea/core/check.h>
#include <fovea/models/training/finite.h>
#include <fovea/models/training/optimizers.h>

namespace fovea::models {

Trainer::Trainer(Method& method, const FitOptions& options, std::filesystem::path checkpoint)
    : method_(method), options_(options), checkpoint_(std::move(checkpoint)) {
  for (Player& player : method.players()) {
    for (const Playing& other : players_)
      check(other.player.name != player.name, "{}: want players of different names, got two \"{}\"", method.describe(),
            player.name);
    auto optimizer = make_optimizer(options.optimizer, *player.trains,
                                    {.weight_decay = options.weight_decay, .norms_and_biases = options.decay_all});
    std::vector<Tensor> parameters = player.trains->parameters();
    players_.push_back({std::move(player), std::move(optimizer), std::move(parameters), {}});
  }
  check(!players_.empty(), "{}: want at least one player, got none", method.describe());
  for (Follows& teacher : method.teachers()) {
    auto has_student = [&](const Playing& playing) {
      for (const nn::NamedTensor& entry : playing.player.trains->named_parameters())
        if (entry.name.starts_with(teacher.student)) return true;
      return false;
    };
    auto found = std::find_if(players_.begin(), players_.end(), has_student);
    check(found != players_.end(), "{}: no player trains what a teacher follows, \"{}\"", method.describe(),
          teacher.student);
    check(found->teachers.empty(), "{}: want one teacher for each player, got two", method.describe());
    found->optimizer->set_teacher(*teacher.module, teacher.student);
    found->teachers.push_back(std::move(teacher));
  }
  if (options.cuda_graph)
    graph_.emplace(options.device, method, [this](const data::Batch& batch) {
      recorded_.emplace(Step::Context{.micro_batch = options_.micro_batch});
      for (Playing& playing : players_) {
        Tensor loss = forward(playing, batch, *recorded_);
        playing.recorded = loss.detach();
        backward(playing, loss);
      }
    });
}

std::map<std::string, nn::Optimizer*> Trainer::optimizers() {
  std::map<std::string, nn::Optimizer*> out;
  for (Playing& playing : players_) out[playing.player.name] = playing.optimizer.get();
  return out;
}

Tensor Trainer::forward(Playing& playing, const data::Batch& batch, Step& step) {
  playing.optimizer->zero_grad();
  method_.train();
  Autocast autocast(options_.bf16);
  return playing.player.loss(batch, step);
}

void Trainer::backward(Playing& playing, const Tensor& loss) {
  loss.backward();
  if (options_.clip > 0) nn::clip_grad_norm(playing.parameters, options_.clip);
  playing.optimizer->step();
}

void Trainer::read(Playing& playing, const Tensor& loss, const data::Batch& batch, const Position& at, bool replayed) {
  playing.loss = loss.item();
  if (std::isfinite(playing.loss)) return;
  std::string bad = first_not_finite(&batch, method_);
  if (bad.empty() && !replayed) loss.backward(), bad = first_not_finite(nullptr, method_);
  const std::string what = playing.player.name.empty() ? "the loss" : "the loss of " + playing.player.name;
  throw_not_finite(fmt::format("{} is {}", what, playing.loss), at.step + 1, bad, checkpoint_);
}

void Trainer::take(const data::Batch& batch, Step& step, const Position& at, double lr) {
  method_.before_step(at);
  for (Playing& playing : players_) {
    playing.optimizer->set_lr(lr);
    for (const Follows& teacher : playing.teachers) playing.optimizer->set_teacher_momentum(teacher.momentum(at));
  }
  const bool reads = step.logging || options_.device.is_cpu();  // to read a device's loss is to wait for it
  const bool replayed = graph_ && graph_->run(batch);
  for (Playing& playing : players_) {
    Tensor loss = replayed ? playing.recorded : forward(playing, batch, step);
    if (reads) read(playing, loss, batch, at, replayed);
    if (!replayed) backward(playing, loss);
  }
  if (graph_ && !replayed) graph_->settle();
  if (!step.logging) return;
  (replayed ? *recorded_ : step).read_into(step);
  for (size_t p = 1; p < players_.size(); ++p) step.log("loss_" + players_[p].player.name, players_[p].loss);
}

}  // namespace fovea::models
