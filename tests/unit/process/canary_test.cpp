#include "process/canary.hpp"

#include <catch2/catch.hpp>

using askr::process::Answers;
using askr::process::fails_more;

TEST_CASE("one or two errors prove nothing") {
  CHECK_FALSE(fails_more({1, 1}, {1000, 0}));
  CHECK_FALSE(fails_more({2, 2}, {1000, 0}));
}

TEST_CASE("three errors of a few requests do, where the old code has none") {
  CHECK(fails_more({3, 3}, {1000, 0}));
  CHECK(fails_more({40, 3}, {1000, 0}));
  CHECK_FALSE(fails_more({100, 3}, {1000, 0}));  // within five points
}

TEST_CASE("an application that fails anyway can be deployed") {
  CHECK_FALSE(fails_more({3, 3}, {1000, 500}));
  CHECK_FALSE(fails_more({200, 110}, {1000, 500}));
  CHECK(fails_more({200, 150}, {1000, 500}));
}

TEST_CASE("without traffic on the old code every third error counts") {
  CHECK(fails_more({3, 3}, {}));
  CHECK_FALSE(fails_more({}, {}));
}
