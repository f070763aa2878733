#include <fovea/nn/train/optim.h>

#include <cmath>
#include <limits>

#include <fovea/nn/layer.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/layers/norm.h>
#include <fovea/nn/train/ema.h>

#include "support/catch.h"
#include "support/fixture.h"

using namespace fovea;
using namespace fovea::testing;

namespace {

nn::Sequential net() {
  return nn::Sequential(nn::Linear({.in = 3, .out = 4}), nn::BatchNorm1d({.features = 4}));
}

// One parameter "w" as a group of its own.
std::vector<nn::ParamGroup> group_of(const Tensor& w, double weight_decay, bool adapt = true) {
  return {{.params = {{"w", w}}, .weight_decay = weight_decay, .adapt = adapt}};
}

}  // namespace

TEST_CASE("optimisers follow torch.optim for five steps", "[nn]") {
  Fixture torch("optim");
  auto follows = [&](const std::string& name, double weight_decay, auto make) {
    INFO(name);
    Tensor w = torch["weights"].clone().set_requires_grad();
    auto optimizer = make(group_of(w, weight_decay));
    for (int64_t step = 0; step < 5; ++step) {
      w.set_grad(torch["grads"].slice(step, step + 1).reshape({5, 7}));
      optimizer.step();
      CHECK(relative_error(w.detach(), torch[name].slice(step, step + 1).reshape({5, 7})) < 1e-6);
    }
    CHECK(optimizer.steps() == 5);
  };
  using Groups = std::vector<nn::ParamGroup>;
  follows("sgd", 0, [](Groups g) { return nn::Sgd(g, {.lr = 0.1}); });
  follows("sgd_momentum", 0.01, [](Groups g) { return nn::Sgd(g, {.lr = 0.1, .momentum = 0.9}); });
  follows("sgd_nesterov", 0.01, [](Groups g) { return nn::Sgd(g, {.lr = 0.1, .momentum = 0.9, .nesterov = true}); });
  follows("adam", 0.01, [](Groups g) { return nn::Adam(g, {.lr = 0.1}); });
  follows("adam_betas", 0, [](Groups g) { return nn::Adam(g, {.lr = 0.1, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3}); });
  follows("adamw", 0.1, [](Groups g) { return nn::AdamW(g, {.lr = 0.1}); });
}

TEST_CASE("both formulas of LARS take the steps that are known", "[nn]") {
  auto step = [](nn::LarsForm form, double weight_decay, bool adapt) {
    Tensor w = Tensor::from<float>({2}, {3, 4}).set_requires_grad();
    w.set_grad(Tensor::from<float>({2}, {0.8f, -0.6f}));
    nn::Lars optimizer(group_of(w, weight_decay, adapt), {.lr = 1, .form = form});
    optimizer.step();
    return std::pair(3 - w.to_vector<double>()[0], 4 - w.to_vector<double>()[1]);
  };
  auto [x, y] = step(nn::LarsForm::paper, 0.1, true);
  CHECK(x == Approx(0.004919).margin(1e-6));
  CHECK(y == Approx(-0.000894).margin(1e-6));
  std::tie(x, y) = step(nn::LarsForm::lightly, 0.1, true);
  CHECK(x == Approx(0.003667).margin(1e-6));
  CHECK(y == Approx(-0.000667).margin(1e-6));
  std::tie(x, y) = step(nn::LarsForm::paper, 0, false);  // biases and norms: plain SGD
  CHECK(x == Approx(0.8).margin(1e-6));
  CHECK(y == Approx(-0.6).margin(1e-6));
}

TEST_CASE("norms and biases do not decay unless asked to", "[nn]") {
  nn::Sequential model = net();
  auto groups = nn::decay_groups(model, {.weight_decay = 0.1});
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].weight_decay == 0.1);
  CHECK(groups[0].adapt);
  REQUIRE(groups[0].params.size() == 1);
  CHECK(groups[0].params[0].name == "0.weight");
  CHECK(groups[1].weight_decay == 0);
  CHECK_FALSE(groups[1].adapt);
  CHECK(groups[1].params.size() == 3);
  groups = nn::decay_groups(model, {.weight_decay = 0.1, .norms_and_biases = true});
  REQUIRE(groups.size() == 1);
  CHECK(groups[0].params.size() == 4);
  nn::freeze(model[0].module());
  CHECK(nn::decay_groups(model)[0].params.size() == 2);
}

TEST_CASE("parameters without gradients stay as they are", "[nn]") {
  nn::Sequential model = net();
  nn::Sgd optimizer(nn::decay_groups(model, {.weight_decay = 0.1}), {.lr = 1, .momentum = 0.9});
  std::vector<Tensor> before;
  for (Tensor& t : model.parameters()) before.push_back(t.clone());
  model.parameters()[1].set_grad(Tensor::ones({4}));
  optimizer.step();
  CHECK(relative_error(model.parameters()[0].detach(), before[0]) == 0);
  CHECK(relative_error(model.parameters()[1].detach(), before[1] - 1) == 0);
  optimizer.zero_grad();
  CHECK_FALSE(model.parameters()[1].grad().defined());
}

TEST_CASE("an optimiser's state has the parameters' names", "[nn]") {
  nn::Sequential model = net();
  auto names = [](nn::Optimizer& optimizer) {
    std::vector<std::string> out;
    for (const nn::NamedTensor& t : optimizer.state()) out.push_back(t.name);
    return out;
  };
  nn::Sgd sgd(nn::decay_groups(model), {.momentum = 0.9});
  CHECK(names(sgd) == std::vector<std::string>{"steps", "0.weight.momentum", "0.bias.momentum", "1.weight.momentum",
                                               "1.bias.momentum"});
  nn::Sgd plain(nn::decay_groups(model));
  CHECK(names(plain) == std::vector<std::string>{"steps"});
  nn::AdamW adamw(nn::decay_groups(model[0].module()));
  CHECK(names(adamw) == std::vector<std::string>{"steps", "weight.first_moment", "weight.second_moment",
                                                 "bias.first_moment", "bias.second_moment"});
  auto twice = nn::decay_groups(model);
  twice.push_back(twice[0]);
  CHECK_THROWS_WITH(nn::Sgd(twice), Catch::Contains("two parameters have the name 0.weight"));
  CHECK_THROWS_WITH(nn::Sgd(nn::decay_groups(model), {.nesterov = true}), Catch::Contains("nesterov"));
}

TEST_CASE("gradients are clipped to a norm, together", "[nn]") {
  Tensor a = Tensor::zeros({2}).set_requires_grad(), b = Tensor::zeros({1}).set_requires_grad(), c = Tensor::zeros({1});
  a.set_grad(Tensor::from<float>({2}, {2, 4}));
  b.set_grad(Tensor::from<float>({1}, {4}));
  CHECK(nn::clip_grad_norm({a, b, c}, 10).item() == Approx(6));
  CHECK(a.grad().to_vector<float>() == std::vector<float>{2, 4});
  CHECK(nn::clip_grad_norm({a, b, c}, 3).item() == Approx(6));
  CHECK(a.grad().to_vector<float>()[1] == Approx(2).epsilon(1e-5));
  CHECK(b.grad().item() == Approx(2).epsilon(1e-5));
  b.set_grad(Tensor::full({1}, std::numeric_limits<double>::infinity()));
  CHECK(std::isinf(nn::clip_grad_norm({a, b}, 3).item()));
  CHECK(a.grad().to_vector<float>()[1] == Approx(2).epsilon(1e-5));
  CHECK(nn::clip_grad_norm({c}, 3).item() == 0);
  CHECK_THROWS_WITH(nn::clip_grad_norm({a}, 0), Catch::Contains("above 0"));
}

TEST_CASE("a moving average moves parameters and leaves buffers", "[nn]") {
  nn::Sequential student = net(), teacher = student;
  {
    NoGrad no_grad;
    student.parameters()[0].fill_(1);
    teacher.parameters()[0].fill_(3);
  }
  student(randn({8, 3}));  // moves the student's running mean
  Tensor teacher_mean = teacher.state()[4].value.clone();
  nn::ema_update(teacher, student, 0.75);
  CHECK(teacher.parameters()[0].to_vector<float>()[5] == Approx(2.5));
  CHECK(relative_error(teacher.state()[4].value, teacher_mean) == 0);
  nn::ema_update(teacher, student, 1);
  CHECK(teacher.parameters()[0].to_vector<float>()[5] == Approx(2.5));
  nn::ema_update(teacher, student, 0);
  CHECK(teacher.parameters()[0].to_vector<float>() == student.parameters()[0].to_vector<float>());
  CHECK_THROWS_WITH(nn::ema_update(teacher, student[0].module(), 0.5), Catch::Contains("4 parameters, the student 2"));
  nn::Linear wide({.in = 3, .out = 5}), narrow({.in = 3, .out = 4});
  CHECK_THROWS_WITH(nn::ema_update(wide, narrow, 0.5), Catch::Contains("[5, 3]") && Catch::Contains("[4, 3]"));
  CHECK_THROWS_WITH(nn::ema_update(narrow, narrow, 2), Catch::Contains("[0, 1]"));
}

TEST_CASE("an optimiser moves a teacher as a moving average after it would", "[nn]") {
  nn::Sequential student = net(), teacher = student, other = student, other_teacher = student;
  nn::Sgd together(nn::decay_groups(student), {.lr = 0.1, .momentum = 0.9});
  nn::Sgd apart(nn::decay_groups(other), {.lr = 0.1, .momentum = 0.9});
  together.set_teacher(teacher);
  for (double momentum : {0.9, 0.5}) {
    together.set_teacher_momentum(momentum);
    for (nn::Sequential* model : {&student, &other}) model->parameters()[0].set_grad(Tensor::ones({4, 3}));
    together.step();
    apart.step();
    nn::ema_update(other_teacher, other, momentum);
    for (size_t i = 0; i < 4; ++i)  // all but the first have no gradient
      CHECK(relative_error(teacher.parameters()[i].detach(), other_teacher.parameters()[i].detach()) == 0);
  }
  nn::Linear wide({.in = 3, .out = 5});
  CHECK_THROWS_WITH(together.set_teacher(wide), Catch::Contains("weight has no parameter weight to follow"));
  CHECK_THROWS_WITH(together.set_teacher(wide, "0."), Catch::Contains("[4, 3]") && Catch::Contains("[5, 3]"));
  CHECK_THROWS_WITH(together.set_teacher_momentum(2), Catch::Contains("[0, 1]"));
}
