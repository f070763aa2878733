#include <fovea/core/print_graph.h>

#include <algorithm>
#include <ostream>
#include <unordered_map>

#include <fovea/core/check.h>

namespace fovea {

namespace {

struct Graph {
  std::vector<GradMeta*> order;
  std::unordered_map<GradMeta*, size_t> number;
  std::unordered_map<GradMeta*, std::string> leaf_names;

  Graph(const Tensor& result, const std::vector<NamedLeaf>& names) {
    check(result.requires_grad(), "graph: want a tensor that requires a gradient, got {}", result.shape());
    order = topological_order(grad_meta(result).get());
    std::reverse(order.begin(), order.end());
    for (size_t i = 0; i < order.size(); ++i) number[order[i]] = i;
    for (const NamedLeaf& leaf : names)
      if (auto meta = grad_meta(leaf.tensor)) leaf_names[meta.get()] = leaf.name;
  }
  std::string label(GradMeta* meta) const {
    auto found = leaf_names.find(meta);
    std::string what = meta->node ? meta->node->name : found != leaf_names.end() ? found->second : "leaf";
    return fmt::format("{} {} {}", what, name_of(meta->dtype), meta->shape);
  }
};

}  // namespace

void print_graph(std::ostream& out, const Tensor& result, const std::vector<NamedLeaf>& names) {
  Graph graph(result, names);
  for (GradMeta* meta : graph.order) {
    out << fmt::format("#{} {}", graph.number[meta], graph.label(meta));
    if (meta->node) {
      const char* separator = " -> ";
      for (const auto& input : meta->node->inputs) {
        out << separator << (input ? fmt::format("#{}", graph.number[input.get()]) : "-");
        separator = ", ";
      }
    }
    out << '\n';
  }
}

std::string to_dot(const Tensor& result, const std::vector<NamedLeaf>& names) {
  Graph graph(result, names);
  std::string out = "digraph backward {\n  rankdir=TB; node [shape=box, fontname=\"sans-serif\"];\n";
  for (GradMeta* meta : graph.order) {
    out += fmt::format("  n{} [label=\"{}\"{}];\n", graph.number[meta], graph.label(meta),
                       meta->node ? "" : ", style=rounded");
    if (!meta->node) continue;
    for (const auto& input : meta->node->inputs)
      if (input) out += fmt::format("  n{} -> n{};\n", graph.number[meta], graph.number[input.get()]);
  }
  return out + "}\n";
}

}  // namespace fovea
