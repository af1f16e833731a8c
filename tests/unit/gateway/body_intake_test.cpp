#include "gateway/body_intake.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "exchange/slot.hpp"

namespace askr::gateway {

TEST_CASE("a small body stays in memory") {
  const std::string folder = "/tmp";
  BodyIntake body;
  body.begin(100, folder);
  CHECK(body.add("hello ") == Intake::ok);
  CHECK(body.add("world") == Intake::ok);
  CHECK(body.bytes() == "hello world");
  CHECK(body.spool_fd() == -1);
}

TEST_CASE("a large body goes to a file, complete and in order") {
  const std::string folder = "/tmp";
  BodyIntake body;
  body.begin(10 << 20, folder);
  std::string expected;
  for (int piece = 0; piece < 50; ++piece) {
    const std::string bytes(7'000, static_cast<char>('a' + piece % 26));
    expected += bytes;
    REQUIRE(body.add(bytes) == Intake::ok);
  }
  REQUIRE(expected.size() > exchange::kInlineBody);
  REQUIRE(body.spool_fd() >= 0);
  CHECK(body.size() == expected.size());
  CHECK(body.bytes().empty());
  std::string read(expected.size(), '\0');
  REQUIRE(::pread(body.spool_fd(), read.data(), read.size(), 0) == static_cast<ssize_t>(read.size()));
  CHECK(read == expected);
}

TEST_CASE("a body may be as large as the limit and not a byte larger") {
  const std::string folder = "/tmp";
  BodyIntake body;
  body.begin(10, folder);
  CHECK(body.add("0123456789") == Intake::ok);
  CHECK(body.add("x") == Intake::too_large);
  CHECK(body.size() == 10);
}

TEST_CASE("a spool folder that takes nothing is said, not ignored") {
  const std::string folder = "/nonexistent-folder";
  BodyIntake body;
  body.begin(10 << 20, folder);
  CHECK(body.add(std::string(exchange::kInlineBody + 1, 'x')) == Intake::no_space);
}

}  // namespace askr::gateway
