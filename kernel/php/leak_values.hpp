// From PHP's values to a snapshot. Only looks: no PHP code runs, nothing is allocated from PHP, no value is touched. So
// nothing here can be left by longjmp.
#pragma once

#include <deque>
#include <string>
#include <unordered_set>

#include "php/leak_snapshot.hpp"
#include "php/zend.hpp"

namespace askr::php {

class ValueWalker {
 public:
  explicit ValueWalker(Snapshot& snapshot) : snapshot_(snapshot) {}

  // A place that scripts can name. `slot` has all but its value.
  void add(Slot slot, const zval* value);
  // The same, unless the value is the one that the program starts with.
  void add_unless_initial(Slot slot, const zval* value, const zval* initial);
  // The objects that these places lead to, nearest first. Call once, last.
  void expand_objects();

 private:
  struct Found {
    zend_object* object;
    StateKind kind;
    uint8_t steps;
    std::string name, owner;  // of where it was found
  };

  void visit(const zval* value, Slot& slot, std::string label, uint8_t depth, uint64_t key_hash);
  void visit_elements(HashTable* array, Slot& slot, uint8_t depth);
  void remember_object(zend_object* object, const Slot& slot);
  void expand(const Found& found);
  void expand_properties(const Found& found);
  void expand_closure(const Found& found);
  void add_property(const Found& found, std::string_view key, const std::string& name, const zval* value);

  Snapshot& snapshot_;
  std::vector<std::string> labels_;  // from the slot to the value that is visited
  std::deque<Found> queue_;
  std::unordered_set<uint32_t> known_;  // handles of objects
  uint8_t steps_ = 0;                   // of the slot that is visited
};

// "index.php:3", below the application's folder without that folder.
std::string code_place(const zend_string* file, uint32_t line);
// The class of an object; where a closure was written.
std::string object_name(zend_object* object);
// The name of a class; an anonymous one without what makes it unique.
std::string class_name(const zend_class_entry* type);

}  // namespace askr::php
