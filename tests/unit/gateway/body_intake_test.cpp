#include "gateway/body_intake.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "exchange/slot.hpp"
#include "spool_fixture.hpp"

namespace askr::gateway {

TEST_CASE("a small body stays in memory") {
  Spool spool("/tmp");
  BodyIntake body;
  body.begin(100, spool);
  CHECK(body.add("hello ") == Intake::ok);
  CHECK(body.add("world") == Intake::ok);
  CHECK(body.bytes() == "hello world");
  CHECK(body.file() == nullptr);
}

TEST_CASE("a large body goes to a file, complete and in order") {
  Spool spool("/tmp");
  BodyIntake body;
  body.begin(10 << 20, spool);
  std::string expected;
  for (int piece = 0; piece < 50; ++piece) {
    const std::string bytes(7'000, static_cast<char>('a' + piece % 26));
    expected += bytes;
    REQUIRE(body.add(bytes) == Intake::ok);
  }
  REQUIRE(expected.size() > exchange::kInlineBody);
  REQUIRE(body.file() != nullptr);
  CHECK(body.size() == expected.size());
  CHECK(body.bytes().empty());
  std::string read(expected.size(), '\0');
  REQUIRE(::pread(body.file()->get(), read.data(), read.size(), 0) == static_cast<ssize_t>(read.size()));
  CHECK(read == expected);
}

TEST_CASE("a body may be as large as the limit and not a byte larger") {
  Spool spool("/tmp");
  BodyIntake body;
  body.begin(10, spool);
  CHECK(body.add("0123456789") == Intake::ok);
  CHECK(body.add("x") == Intake::too_large);
  CHECK(body.size() == 10);
}

TEST_CASE("the file of a body stays open, and counts, as long as somebody has it") {
  SpoolFixture test(1, 1 << 20);
  BodyIntake body;
  body.begin(10 << 20, test.spools[0]);
  REQUIRE(body.add(std::string(200'000, 'a')) == Intake::ok);
  std::shared_ptr<const UniqueFd> kept = body.file();
  body.clear();
  body.begin(10 << 20, test.spools[0]);
  REQUIRE(body.add(std::string(100'000, 'b')) == Intake::ok);
  CHECK(body.file()->get() != kept->get());
  char byte = 0;
  REQUIRE(::pread(kept->get(), &byte, 1, 199'999) == 1);
  CHECK(byte == 'a');
  CHECK(test.used() == 300'000);
  kept.reset();
  CHECK(test.used() == 100'000);
}

TEST_CASE("the bodies of all gateways together stay below the limit of the spool") {
  SpoolFixture test(2, 250'000);
  BodyIntake first;
  BodyIntake second;
  first.begin(10 << 20, test.spools[0]);
  second.begin(10 << 20, test.spools[1]);
  REQUIRE(first.add(std::string(200'000, 'a')) == Intake::ok);
  CHECK(second.add(std::string(100'000, 'b')) == Intake::over_limit);
  first.clear();
  second.clear();
  second.begin(10 << 20, test.spools[1]);
  CHECK(second.add(std::string(100'000, 'b')) == Intake::ok);
}

TEST_CASE("what a dead gateway had in the spool does not count against its successor") {
  SpoolFixture test(1, 250'000);
  BodyIntake lost;
  lost.begin(10 << 20, test.spools[0]);
  REQUIRE(lost.add(std::string(200'000, 'a')) == Intake::ok);
  Spool& successor = test.add(0);
  BodyIntake body;
  body.begin(10 << 20, successor);
  CHECK(body.add(std::string(200'000, 'b')) == Intake::ok);
  body.clear();
  CHECK(test.used() == 0);
  test.add(0).take(200'000);  // so that the file of the dead one, which this process alone still has, can go
}

TEST_CASE("a spool folder that takes nothing is said, not ignored") {
  Spool spool("/nonexistent-folder");
  BodyIntake body;
  body.begin(10 << 20, spool);
  CHECK(body.add(std::string(exchange::kInlineBody + 1, 'x')) == Intake::no_space);
}

}  // namespace askr::gateway
