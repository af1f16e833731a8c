// What has changed from one snapshot to the next.
#pragma once

#include <string>
#include <vector>

#include "php/leak_snapshot.hpp"

namespace askr::php {

enum class Change : uint8_t { left, changed, removed };

struct Difference {
  Change change{};
  std::string place;    // "static variable $calls of remember() (index.php:3)"
  std::string was, is;  // for a person; empty where there is nothing to show
  bool grew = false;    // a number, an array or a text became more
};

// At most one difference for each slot: the first.
std::vector<Difference> compare(const Snapshot& before, const Snapshot& after);

}  // namespace askr::php
