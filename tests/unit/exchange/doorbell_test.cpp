#include "exchange/doorbell.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "base/fd.hpp"

namespace askr::exchange {
namespace {

bool is_readable(int fd) {
  pollfd wanted{fd, POLLIN, 0};
  return ::poll(&wanted, 1, 0) == 1;
}

template <class Action>
void in_php(Doorbell& bell, Action action) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    bell.leave_to_php();
    action();
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

}  // namespace

TEST_CASE("a bell is heard on the side of who has rung") {
  Doorbell bell = Doorbell::create().value();
  CHECK_FALSE(is_readable(bell.own_side()));
  bell.ring();
  CHECK(is_readable(bell.own_side()));
  CHECK_FALSE(is_readable(bell.php_side()));
  in_php(bell, [&] {
    if (bell.own_side() >= 0 || bell.php_side() >= 0) ::_exit(1);
    bell.ring();
  });
  CHECK(is_readable(bell.php_side()));
  bell.answer_php();
  CHECK_FALSE(is_readable(bell.php_side()));
  bell.answer_php();  // nobody has rung, and it does not wait for that
}

TEST_CASE("whatever PHP does to its side, nobody else waits and each ring is heard") {
  std::set<int> others;
  for (int fd = 0; fd < 256; ++fd) {
    if (::fcntl(fd, F_GETFL) >= 0) others.insert(fd);
  }
  Doorbell bell = Doorbell::create().value();
  in_php(bell, [&] {
    for (int fd = 0; fd < 256; ++fd) {
      if (::fcntl(fd, F_GETFL) < 0 || others.count(fd) > 0) continue;
      const std::string name = "/proc/self/fd/" + std::to_string(fd);
      const UniqueFd again(::open(name.c_str(), O_RDONLY | O_NONBLOCK));
      char taken[64] = {};
      if (again) [[maybe_unused]]
        const ssize_t got = ::read(again.get(), taken, sizeof taken);
      ::fcntl(fd, F_SETFL, O_NONBLOCK);
      while (::write(fd, taken, sizeof taken) > 0) {
      }
      ::fcntl(fd, F_SETFL, 0);
    }
  });
  CHECK(is_readable(bell.php_side()));
  int turns = 0;
  while (is_readable(bell.php_side())) {
    bell.answer_php();
    REQUIRE(++turns < 1000);
  }
  bell.answer_php();
  in_php(bell, [&] { bell.ring(); });
  CHECK(is_readable(bell.php_side()));
  bell.ring();
  CHECK(is_readable(bell.own_side()));
}

}  // namespace askr::exchange
