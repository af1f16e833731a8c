#include "process/orphans.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "../exchange/fixture.hpp"

namespace {

using askr::exchange::Role;
using askr::exchange::TestExchange;
using askr::process::Orphans;
using askr::process::reap_orphans;

// A child that has ended and that nobody has taken note of.
pid_t make_zombie() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  siginfo_t ended{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT) == 0);
  return pid;
}

bool is_zombie(pid_t pid) {
  siginfo_t ended{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG | WNOWAIT) == 0;
}

}  // namespace

TEST_CASE("the end of an orphan is taken note of") {
  const TestExchange test;
  const pid_t pid = make_zombie();
  CHECK(reap_orphans(*test.exchange, 0) == Orphans::none_ended);
  CHECK_FALSE(is_zombie(pid));
}

TEST_CASE("processes of the server are left to who supervises them") {
  const TestExchange test;
  const pid_t pid = make_zombie();
  CHECK(reap_orphans(*test.exchange, pid) == Orphans::ask_again);
  test.assigned(0).role = Role::worker;
  test.assigned(0).pid = pid;
  CHECK(reap_orphans(*test.exchange, 0) == Orphans::ask_again);
  test.assigned(0).pid = 0;  // asked for, and the template has not told of it yet
  test.exchange->workers()[0].own_pid = pid;
  CHECK(reap_orphans(*test.exchange, 0) == Orphans::ask_again);
  CHECK(is_zombie(pid));
  ::waitpid(pid, nullptr, 0);
}

TEST_CASE("a worker that the master knows cannot claim an orphan") {
  const TestExchange test;
  test.assigned(0).role = Role::worker;
  test.assigned(0).pid = ::getpid();
  for (const Role role : {Role::worker, Role::none}) {
    const pid_t pid = make_zombie();
    const pid_t other = make_zombie();
    test.assigned(0).role = role;
    test.exchange->workers()[0].own_pid = pid;
    CHECK(reap_orphans(*test.exchange, 0) == Orphans::none_ended);
    CHECK_FALSE(is_zombie(pid));
    CHECK_FALSE(is_zombie(other));
    test.assigned(0).pid = 0;
  }
}
