#include "php/leak_compare.hpp"

#include <algorithm>

#include "php/leak_equality.hpp"

namespace askr::php {
namespace {

using Nodes = std::vector<ValueNode>;

std::string_view kind_name(StateKind kind) {
  switch (kind) {
    case StateKind::static_variable:
      return "static variable";
    case StateKind::static_property:
      return "static property";
    case StateKind::global_variable:
      return "global variable";
    case StateKind::constant:
      return "constant";
    case StateKind::ini_setting:
      return "ini setting";
    case StateKind::locale:
      return "locale";
    case StateKind::time_zone:
      return "time zone";
    case StateKind::error_handler:
      return "error handler";
    case StateKind::exception_handler:
      return "exception handler";
    case StateKind::stream_wrapper:
      return "stream wrapper";
    case StateKind::stream_filter:
      return "stream filter";
    case StateKind::environment_variable:
      return "environment variable";
    case StateKind::working_directory:
      return "working directory";
    case StateKind::open_file:
      return "open file";
  }
  return "state";
}

// "['a'][0]": the way from the value of a slot to one of its nodes.
std::string path_to(const Nodes& nodes, size_t at) {
  std::string path;
  for (size_t node = at + 1, depth = nodes[at].depth; node-- > 0 && depth > 0;) {
    if (nodes[node].depth != depth) continue;
    path.insert(0, nodes[node].label);
    --depth;
  }
  return path;
}

size_t parent_of(const Nodes& nodes, size_t at) {
  const uint8_t depth = nodes[at].depth;
  while (at > 0 && nodes[at].depth >= depth) --at;
  return at;
}

std::string place_of(const Slot& slot, const std::string& path) {
  std::string place(kind_name(slot.kind));
  if (!slot.name.empty()) place += ' ' + slot.name + path;
  return place + slot.owner;
}

Difference absent_before(const Slot& after) {
  const bool left = after.absence == Absence::nothing;
  return {left ? Change::left : Change::changed, place_of(after, ""), after.initial, after.value[0].shown,
          after.value[0].amount > 0};
}

Difference absent_after(const Slot& before) {
  const bool removed = before.absence == Absence::nothing;
  return {removed ? Change::removed : Change::changed, place_of(before, ""), before.value[0].shown, before.initial,
          false};
}

// Same place, other value.
Difference other_value(const Slot& slot, const Nodes& before, const Nodes& after, size_t at) {
  std::string is = after[at].shown;
  if (before[at].shown == is) is = "another one";
  return {Change::changed, place_of(slot, path_to(after, at)), before[at].shown, std::move(is),
          after[at].amount > before[at].amount};
}

// An array of the same size with other keys. Cut off at the limit of a walk, one can be shorter than the other.
Difference other_elements(const Slot& slot, const Nodes& nodes, size_t at) {
  const size_t parent = parent_of(nodes, at);
  return {Change::changed, place_of(slot, path_to(nodes, parent)), nodes[parent].shown, "other elements", false};
}

Difference first_difference(const Slot& slot, const Nodes& before, const Nodes& after, Equality& equality) {
  const auto same = [&](const ValueNode& was, const ValueNode& is) { return equality.same(was, is); };
  const auto [left, right] = std::mismatch(before.begin(), before.end(), after.begin(), after.end(), same);
  const auto at = static_cast<size_t>(right - after.begin());
  if (left == before.end()) return other_elements(slot, after, at);
  if (right == after.end()) return other_elements(slot, before, at);
  if (left->depth == right->depth && left->label == right->label) return other_value(slot, before, after, at);
  return other_elements(slot, after, at);
}

// Fewer of these than before are no leak.
bool only_growth_counts(StateKind kind) {
  return kind == StateKind::open_file;
}

void compare_slot(const Slot* before, const Slot& after, Equality& equality, std::vector<Difference>& found) {
  if (before == nullptr) {
    if (after.absence != Absence::unseen) found.push_back(absent_before(after));
    return;
  }
  if (equality.same(before->value, after.value)) return;
  if (only_growth_counts(after.kind) && after.value[0].amount < before->value[0].amount) return;
  found.push_back(first_difference(after, before->value, after.value, equality));
}

}  // namespace

std::vector<Difference> compare(const Snapshot& before, const Snapshot& after) {
  std::vector<Difference> found;
  Equality equality(before, after);
  for (const Slot& slot : after.slots()) compare_slot(before.find(slot.key), slot, equality, found);
  for (const Slot& slot : before.slots()) {
    if (slot.absence == Absence::unseen || only_growth_counts(slot.kind)) continue;
    if (after.find(slot.key) == nullptr) found.push_back(absent_after(slot));
  }
  return found;
}

}  // namespace askr::php
