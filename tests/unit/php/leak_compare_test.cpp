#include "php/leak_compare.hpp"

#include <catch2/catch.hpp>

using namespace askr::php;

namespace {

ValueNode number(int64_t amount, uint8_t depth = 0, std::string label = {}) {
  return {.depth = depth, .amount = amount, .label = std::move(label), .shown = std::to_string(amount)};
}

ValueNode array(int64_t size) {
  return {.amount = size, .shown = "array of " + std::to_string(size)};
}

ValueNode object(uint32_t handle) {
  return {.object = handle, .shown = "One"};
}

Slot slot(std::vector<ValueNode> value, std::string name = "$x", StateKind kind = StateKind::global_variable) {
  return {.kind = kind, .key = name, .name = name, .value = std::move(value)};
}

Slot property(uint32_t of, std::vector<ValueNode> value) {
  Slot made = slot(std::move(value), "$x->uses");
  made.absence = Absence::unseen;
  made.key = std::to_string(of) + " uses";
  return made;
}

void add_object(Snapshot& snapshot, uint32_t handle, std::vector<ValueNode> value) {
  const size_t first = snapshot.slots().size();
  snapshot.add(property(handle, std::move(value)));
  snapshot.close_object(handle, first);
}

std::vector<Difference> compare_values(std::vector<ValueNode> was, std::vector<ValueNode> is) {
  Snapshot before, after;
  before.add(slot(std::move(was)));
  after.add(slot(std::move(is)));
  return compare(before, after);
}

}  // namespace

TEST_CASE("the same value is no difference, another one is told with both") {
  CHECK(compare_values({number(1)}, {number(1)}).empty());
  const auto found = compare_values({number(1)}, {number(4)});
  REQUIRE(found.size() == 1);
  CHECK(found[0].place == "global variable $x");
  CHECK(found[0].was == "1");
  CHECK(found[0].is == "4");
  CHECK(found[0].grew);
}

TEST_CASE("an element is named with the way to it") {
  const auto found = compare_values({array(2), number(1, 1, "['a']"), number(2, 2, "[0]"), number(3, 1, "['b']")},
                                    {array(2), number(1, 1, "['a']"), number(5, 2, "[0]"), number(4, 1, "['b']")});
  REQUIRE(found.size() == 1);
  CHECK(found[0].place == "global variable $x['a'][0]");
}

TEST_CASE("an array with other keys is named itself") {
  const auto found = compare_values({array(1), number(1, 1, "['a']")}, {array(1), number(1, 1, "['b']")});
  REQUIRE(found.size() == 1);
  CHECK(found[0].place == "global variable $x");
  CHECK(found[0].is == "other elements");
}

TEST_CASE("what is there in one snapshot only depends on what its absence means") {
  Snapshot before, after;
  before.add(slot({number(1)}, "$gone"));
  before.add(property(1, {number(1)}));
  after.add(slot({number(1)}, "$new"));
  after.add(property(2, {number(1)}));
  Slot started = slot({number(7)}, "$calls", StateKind::static_variable);
  started.absence = Absence::initial;
  started.initial = "0";
  after.add(std::move(started));
  const auto found = compare(before, after);
  REQUIRE(found.size() == 3);
  CHECK(found[0].change == Change::left);
  CHECK(found[1].change == Change::changed);
  CHECK(found[1].was == "0");
  CHECK(found[2].change == Change::removed);
  CHECK(found[2].place == "global variable $gone");
}

TEST_CASE("a closed file is no difference") {
  Snapshot before, after;
  before.add(slot({number(2)}, "/a", StateKind::open_file));
  before.add(slot({number(1)}, "/b", StateKind::open_file));
  after.add(slot({number(1)}, "/a", StateKind::open_file));
  CHECK(compare(before, after).empty());
}

TEST_CASE("an object is the same when its contents are, and different when they are not known") {
  Snapshot before, same, other;
  for (Snapshot* snapshot : {&before, &same, &other}) snapshot->add(slot({object(snapshot == &before ? 1 : 2)}));
  CHECK(compare(before, same).size() == 1);
  add_object(before, 1, {number(5)});
  add_object(same, 2, {number(5)});
  add_object(other, 2, {number(6)});
  CHECK(compare(before, same).empty());
  CHECK(compare(before, other).size() == 1);
}

TEST_CASE("objects that lead to themselves are compared in the end") {
  Snapshot before, after;
  before.add(slot({object(1)}));
  after.add(slot({object(2)}));
  add_object(before, 1, {object(1)});
  add_object(after, 2, {object(2)});
  CHECK(compare(before, after).empty());
}
