// Is a value of one snapshot the same as one of another? An object that was replaced by one with the same contents is:
// to make things anew is a common way to put them back.
#pragma once

#include <set>
#include <utility>

#include "php/leak_snapshot.hpp"

namespace askr::php {

class Equality {
 public:
  Equality(const Snapshot& before, const Snapshot& after) : before_(before), after_(after) {}

  [[nodiscard]] bool same(const std::vector<ValueNode>& before, const std::vector<ValueNode>& after);
  [[nodiscard]] bool same(const ValueNode& before, const ValueNode& after);

 private:
  using Pair = std::pair<uint32_t, uint32_t>;

  bool compare_values(const std::vector<ValueNode>& before, const std::vector<ValueNode>& after);
  bool compare_nodes(const ValueNode& before, const ValueNode& after);
  bool compare_objects(Pair handles);

  const Snapshot& before_;
  const Snapshot& after_;
  std::set<Pair> assumed_;  // of the question that is being answered: objects can lead back to themselves
};

}  // namespace askr::php
