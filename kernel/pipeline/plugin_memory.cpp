#include "pipeline/plugin_memory.hpp"

#include <cstring>
#include <new>
#include <utility>

namespace askr::pipeline {

SlotKinds& slot_kinds() {
  static SlotKinds kinds;
  return kinds;
}

void SlotValues::set(uint32_t slot, void* value, const std::vector<SlotDestructor>& kinds) {
  if (values_.size() < kinds.size()) values_.resize(kinds.size());
  if (slot < values_.size()) values_[slot] = value;
}

void SlotValues::clear(const std::vector<SlotDestructor>& kinds) {
  for (size_t slot = 0; slot < values_.size(); ++slot) {
    void* value = std::exchange(values_[slot], nullptr);
    if (value != nullptr && kinds[slot] != nullptr) kinds[slot](value);
  }
}

void* RequestMemory::allocate(size_t bytes) {
  try {
    if (!memory_) memory_ = std::make_unique<std::pmr::monotonic_buffer_resource>(kFirstPiece);
    return memory_->allocate(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

std::string_view RequestMemory::copy(std::string_view text) {
  auto* copy = static_cast<char*>(allocate(text.size() + 1));
  if (copy == nullptr) return {};
  std::memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

}  // namespace askr::pipeline
