#include "php/leak_snapshot.hpp"

namespace askr::php {

void Snapshot::add(Slot slot) {
  const Slot& kept = slots_.emplace_back(std::move(slot));
  by_key_.emplace(kept.key, &kept);
}

void Snapshot::clear() {
  by_key_.clear();
  slots_.clear();
}

const Slot* Snapshot::find(std::string_view key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

}  // namespace askr::php
