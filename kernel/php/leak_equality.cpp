#include "php/leak_equality.hpp"

#include <algorithm>

namespace askr::php {
namespace {

constexpr size_t kMostObjects = 1000;  // for one answer; what is larger counts as changed

}  // namespace

bool Equality::same(const std::vector<ValueNode>& before, const std::vector<ValueNode>& after) {
  assumed_.clear();
  return compare_values(before, after);
}

bool Equality::same(const ValueNode& before, const ValueNode& after) {
  assumed_.clear();
  return compare_nodes(before, after);
}

bool Equality::compare_values(const std::vector<ValueNode>& before, const std::vector<ValueNode>& after) {
  return std::equal(before.begin(), before.end(), after.begin(), after.end(),
                    [this](const ValueNode& left, const ValueNode& right) { return compare_nodes(left, right); });
}

bool Equality::compare_nodes(const ValueNode& before, const ValueNode& after) {
  if (before.depth != after.depth || before.identity != after.identity) return false;
  if (before.label != after.label || before.shown != after.shown) return false;
  return before.object == after.object || compare_objects({before.object, after.object});
}

bool Equality::compare_objects(Pair handles) {
  const Insides* left = before_.insides_of(handles.first);
  const Insides* right = after_.insides_of(handles.second);
  if (left == nullptr || right == nullptr || left->count != right->count) return false;
  if (!assumed_.insert(handles).second) return true;
  if (assumed_.size() > kMostObjects) return false;
  for (size_t at = 0; at < left->count; ++at) {
    const Slot& was = before_.slots()[left->first + at];
    const Slot& is = after_.slots()[right->first + at];
    if (was.label != is.label || !compare_values(was.value, is.value)) return false;
  }
  return true;
}

}  // namespace askr::php
