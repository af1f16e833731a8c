#include "php/startup_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>

using namespace askr::php;

TEST_CASE("what is written to standard error is caught, and standard error is put back") {
  for (const char* text : {"first\n", "second\n"}) {
    REQUIRE(capture_startup_output());
    std::fputs(text, stderr);
    CHECK(release_startup_output() == text);
  }
  CHECK(fcntl(STDERR_FILENO, F_GETFD) >= 0);
}

TEST_CASE("more than one buffer of output is caught whole") {
  const std::string text(10'000, 'x');
  REQUIRE(capture_startup_output());
  REQUIRE(::write(STDERR_FILENO, text.data(), text.size()) == 10'000);
  CHECK(release_startup_output() == text);
}
