// What plugins keep beside a request or a connection: a pointer per slot, and memory that goes with the request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string_view>
#include <vector>

namespace askr::pipeline {

using SlotDestructor = void (*)(void* value);  // may be nullptr

// Slots of one kind, as registered before any process was forked: the index is the slot.
struct SlotKinds {
  std::vector<SlotDestructor> request, connection;
};
SlotKinds& slot_kinds();

// The values of one request or one connection. Costs nothing until the first is set.
class SlotValues {
 public:
  [[nodiscard]] void* get(uint32_t slot) const { return slot < values_.size() ? values_[slot] : nullptr; }
  void set(uint32_t slot, void* value, const std::vector<SlotDestructor>& kinds);
  // Calls the destructors of what was set.
  void clear(const std::vector<SlotDestructor>& kinds);

 private:
  std::vector<void*> values_;
};

// Grows in pieces and is let go as a whole.
class RequestMemory {
 public:
  // nullptr: there is none left.
  void* allocate(size_t bytes);
  // A copy that lives as long as the request; data() == nullptr when there is no memory.
  std::string_view copy(std::string_view text);
  void clear() { memory_.reset(); }

 private:
  static constexpr size_t kFirstPiece = 1024;
  std::unique_ptr<std::pmr::monotonic_buffer_resource> memory_;
};

}  // namespace askr::pipeline
