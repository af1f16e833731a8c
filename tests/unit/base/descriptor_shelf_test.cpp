#include "base/descriptor_shelf.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace {

using askr::DescriptorShelf;
using askr::UniqueFd;

struct Pipe {
  UniqueFd in, out;
  Pipe() {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  [[nodiscard]] char read() const {
    char byte = 0;
    return ::read(out.get(), &byte, 1) == 1 ? byte : '\0';
  }
};

TEST_CASE("everybody may take a copy of what lies on a shelf, as often as they like") {
  DescriptorShelf shelf = DescriptorShelf::create().value();
  CHECK_FALSE(shelf.copy());
  const Pipe pipe;
  REQUIRE(shelf.put(pipe.in.get()));
  for (int count = 0; count < 3; ++count) {
    const UniqueFd copy = shelf.copy();
    REQUIRE(copy);
    CHECK(::write(copy.get(), "x", 1) == 1);
    CHECK(pipe.read() == 'x');
  }
  const pid_t child = ::fork();
  if (child == 0) {
    shelf.lock();
    const UniqueFd copy = shelf.copy();
    ::_exit(copy && ::write(copy.get(), "c", 1) == 1 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(pipe.read() == 'c');
}

TEST_CASE("the next descriptor takes the place of the last one, also for those who never looked") {
  DescriptorShelf shelf = DescriptorShelf::create().value();
  const Pipe first, second;
  REQUIRE(shelf.put(first.in.get()));
  REQUIRE(shelf.put(second.in.get()));
  const UniqueFd copy = shelf.copy();
  REQUIRE(copy);
  CHECK(::write(copy.get(), "2", 1) == 1);
  CHECK(second.read() == '2');
}

}  // namespace
