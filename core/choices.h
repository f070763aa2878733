#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What is chosen by name: a table for each kind of thing, from which parser, error and help come.
namespace fovea {

// The one of `names` that `text` most likely misspells, or "": nearest in letters left out, added, changed or swapped
// with their neighbour, few of them for its length, or the only one that `text` is a part of. Upper and lower case are
// the same.
std::string nearest_name(std::string_view text, const std::vector<std::string>& names);
// The end of an error about `text`: "; did you mean " and its nearest name between `before` and `behind`, or "".
std::string did_you_mean(std::string_view text, const std::vector<std::string>& names, const std::string& before = "",
                         const std::string& behind = "");

template <class T>
struct Choice {
  std::string name;
  std::string help;  // what it is, in a line
  T value;
  std::string form;  // how it is written, where that is more than the name: "cifar10:DIR", "synthetic[:N]"

  Choice(std::string called, std::string is, T stands_for, std::string written = {})
      : name(std::move(called)),
        help(std::move(is)),
        value(std::move(stands_for)),
        form(written.empty() ? name : std::move(written)) {}
};

// The names of such a table, whatever they stand for.
class ChoiceNames {
 public:
  struct Entry {
    std::string name, help, form;
  };
  const std::vector<Entry>& entries() const { return entries_; }
  // The forms of all: "sgd, adam, adamw".
  std::string str() const;
  // Where the entry with the name `text` is, for one whose form has more behind a colon also "NAME:anything". Throws
  // Error otherwise, as in "--views: want one of simclr, byol, swav, got simclt; did you mean simclr?" for the
  // `subject` "--views".
  size_t find(const std::string& text, const std::string& subject) const;

 protected:
  std::vector<Entry> entries_;
};

//   const Choices<Tensor (*)(const Tensor&)> activations = {{"relu", "max(0, x)", relu}, {"tanh", "of x", tanh}};
//   Tensor y = activations.at("relu", "activation")(x);
template <class T>
class Choices : public ChoiceNames {
 public:
  Choices(std::vector<Choice<T>> choices) {  // NOLINT: a list is a table
    for (Choice<T>& choice : choices) {
      entries_.push_back({std::move(choice.name), std::move(choice.help), std::move(choice.form)});
      values_.push_back(std::move(choice.value));
    }
  }
  Choices(std::initializer_list<Choice<T>> choices) : Choices(std::vector<Choice<T>>(choices)) {}

  const T& at(const std::string& text, const std::string& subject) const { return values_[find(text, subject)]; }

 private:
  std::vector<T> values_;
};

}  // namespace fovea
