#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include <fovea/core/autograd.h>

namespace fovea {

// Prints the graph behind `result` in the order in which backward() visits it: one line a node with its op's name, the
// shape and dtype of its result, and where its inputs' gradients go. Leaves that `names` knows get their name.
struct NamedLeaf {
  std::string name;
  Tensor tensor;
};
void print_graph(std::ostream& out, const Tensor& result, const std::vector<NamedLeaf>& names = {});

// The same graph in Graphviz's DOT language: `dot -Tsvg`.
std::string to_dot(const Tensor& result, const std::vector<NamedLeaf>& names = {});

}  // namespace fovea
