#include "base/result.hpp"

#include <catch2/catch.hpp>

using askr::Error;
using askr::Result;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return askr::usage_error("odd number");
  return number / 2;
}

Result<int> quarter(int number) {
  return half(ASKR_TRY(half(number)));
}

}  // namespace

TEST_CASE("a result holds its value") {
  auto result = half(10);
  REQUIRE(result);
  CHECK(result.value() == 5);
}

TEST_CASE("ASKR_TRY goes on with the value and returns the first error") {
  CHECK(quarter(12).value() == 3);
  auto failed = quarter(6);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message == "odd number");
  CHECK(failed.error().exit_code == 2);
}

TEST_CASE("a system error says what failed and why") {
  Error error = askr::system_error("/etc/missing", ENOENT);
  CHECK(error.message == "/etc/missing: No such file or directory");
  CHECK(error.exit_code == 1);
}
