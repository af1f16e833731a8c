// What a worker script keeps between two requests, as one of the two things that are compared (docs/state-leaks.md).
// Plain data without PHP, so comparing it is a matter of this header alone.
//
// A slot is one place that keeps something: a variable, a property, a setting. Its value is flat: an array is followed
// by its elements, an object is only named, because each of its properties is a slot of its own. So an object that many
// places refer to is looked at once, and a change inside it is told once, by the shortest way to it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace askr::php {

enum class StateKind : uint8_t {
  static_variable,
  static_property,
  global_variable,
  constant,
  ini_setting,
  locale,
  time_zone,
  error_handler,
  exception_handler,
  stream_wrapper,
  stream_filter,
  environment_variable,
  working_directory,
  open_file,
};

// What it means that the other snapshot has no such slot.
enum class Absence : uint8_t {
  nothing,  // there was no such thing
  initial,  // it had the value that the program starts with
  unseen,   // nobody has looked
};

struct ValueNode {
  uint8_t depth = 0;       // 0: the value of the slot, 1: an element of it, ...
  uint64_t identity = 0;   // what `shown` leaves out: the bytes of a string
  int64_t amount = 0;      // what can grow: a number, the size of an array or of a string
  uint32_t object = 0;     // its handle; 0: no object
  std::string label = {};  // of an element: "['key']"
  std::string shown = {};  // for a person; never the text of a string, which may be a secret
};

struct Slot {
  StateKind kind{};
  Absence absence = Absence::nothing;
  std::string key;           // the same in all snapshots
  std::string label = {};    // of a property: its name
  std::string name;          // "$calls", "One::$it->uses"
  std::string owner = {};    // " of remember() (index.php:3)", or empty
  std::string initial = {};  // of Absence::initial: that value, for a person
  std::vector<ValueNode> value;
};

// The slots of one object, which stand together.
struct Insides {
  size_t first = 0, count = 0;
};

class Snapshot {
 public:
  void add(Slot slot);
  // The slots from `first` on are all there is to know of an object.
  void close_object(uint32_t handle, size_t first);
  void clear();
  [[nodiscard]] const Slot* find(std::string_view key) const;
  // nullptr: not all of it is known.
  [[nodiscard]] const Insides* insides_of(uint32_t handle) const;
  [[nodiscard]] const std::deque<Slot>& slots() const { return slots_; }

 private:
  std::deque<Slot> slots_;  // a deque: `by_key_` points into it
  std::unordered_map<std::string_view, const Slot*> by_key_;
  std::unordered_map<uint32_t, Insides> objects_;
};

}  // namespace askr::php
