#include "php/leak_snapshot.hpp"

namespace askr::php {

void Snapshot::add(Slot slot) {
  const Slot& kept = slots_.emplace_back(std::move(slot));
  by_key_.emplace(kept.key, &kept);
}

void Snapshot::close_object(uint32_t handle, size_t first) {
  objects_[handle] = {first, slots_.size() - first};
}

void Snapshot::clear() {
  by_key_.clear();
  objects_.clear();
  slots_.clear();
}

const Slot* Snapshot::find(std::string_view key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

const Insides* Snapshot::insides_of(uint32_t handle) const {
  const auto found = objects_.find(handle);
  return found == objects_.end() ? nullptr : &found->second;
}

}  // namespace askr::php
