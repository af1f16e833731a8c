#include "arena/arena.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <functional>

namespace askr::arena {
namespace {

constexpr size_t kPage = 4096;

Region region(const char* name, size_t size, Writers writers, size_t part = 0) {
  Region made;
  made.name = name;
  made.owner = "test";
  made.size = size;
  made.writers = writers;
  made.part = part;
  return made;
}

Arena make() {
  return std::move(Arena::create({region("of-all", 100, Writers::all),
                                  region("of-workers", 4 * kPage, Writers::gateways | Writers::workers, kPage),
                                  region("of-master", kPage + 1, Writers::none),
                                  region("of-sidecars", 3 * kPage, Writers::all, kPage),
                                  region("of-gateways", 3 * kPage, Writers::gateways)}))
      .value();
}

// What a forked process ends with that does this.
int fate_of(const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGSEGV, SIG_DFL);
    ::_exit(act());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

bool can_write(const std::function<Result<>()>& restrict, const Region& where, size_t offset = 0) {
  const int fate = fate_of([&] {
    if (!restrict()) return 99;
    reinterpret_cast<volatile char*>(where.data)[offset] = 1;
    return 0;
  });
  REQUIRE((fate == 0 || fate == -SIGSEGV));
  return fate == 0;
}

}  // namespace

TEST_CASE("regions begin at pages, those that fewer processes write to first") {
  const Arena arena = make();
  std::vector<std::string> names;
  const std::byte* end = nullptr;
  for (const Region& each : arena.regions()) {
    names.push_back(each.name);
    CHECK(reinterpret_cast<uintptr_t>(each.data) % kPage == 0);
    CHECK(each.data >= end);
    end = each.data + each.size;
  }
  CHECK(names == std::vector<std::string>{"of-master", "of-gateways", "of-workers", "of-all", "of-sidecars"});
  CHECK(arena.find("of-all")->size == 100);
  CHECK(arena.find("of-nobody") == nullptr);
}

TEST_CASE("a process cannot write to what others write") {
  Arena arena = make();
  const auto can = [&arena](Writers who, const char* name) {
    const Region& where = *arena.find(name);
    return can_write([&] { return arena.restrict_to(who); }, where, where.size - 1);
  };
  CHECK_FALSE(can(Writers::gateways, "of-master"));
  CHECK(can(Writers::gateways, "of-gateways"));
  CHECK(can(Writers::gateways, "of-workers"));
  CHECK(can(Writers::gateways, "of-all"));

  CHECK_FALSE(can(Writers::workers, "of-master"));
  CHECK_FALSE(can(Writers::workers, "of-gateways"));
  CHECK(can(Writers::workers, "of-workers"));
  CHECK(can(Writers::workers, "of-all"));

  CHECK_FALSE(can(Writers::sidecars, "of-workers"));
  CHECK(can(Writers::sidecars, "of-all"));
  CHECK(can(Writers::workers | Writers::sidecars, "of-workers"));
  CHECK_FALSE(can(Writers::workers | Writers::sidecars, "of-gateways"));
}

TEST_CASE("a worker writes to its own part, and to no other") {
  Arena arena = make();
  const auto can = [&arena](Writers who, size_t part, const char* name, size_t offset) {
    const auto restrict = [&]() -> Result<> {
      ASKR_TRY(arena.restrict_to(Writers::workers | Writers::sidecars));
      return arena.restrict_to_part(who, part);
    };
    return can_write(restrict, *arena.find(name), offset);
  };
  for (const size_t part : {size_t{0}, size_t{1}, size_t{3}}) {
    for (size_t page = 0; page < 4; ++page) {
      CHECK(can(Writers::workers, part, "of-workers", page * kPage) == (page == part));
      CHECK(can(Writers::workers, part, "of-workers", page * kPage + kPage - 1) == (page == part));
    }
  }
  CHECK(can(Writers::workers, 2, "of-all", 0));
  CHECK(can(Writers::sidecars, 2, "of-sidecars", 2 * kPage));
  CHECK_FALSE(can(Writers::sidecars, 2, "of-sidecars", 2 * kPage - 1));
  CHECK_FALSE(can(Writers::sidecars, 0, "of-workers", 0));
  CHECK_FALSE(can(Writers::workers, 0, "of-gateways", 0));
  CHECK_FALSE(can(Writers::workers, 3, "of-sidecars", 2 * kPage));  // it has none there
}

TEST_CASE("what is read-only shows what its writers write, and nobody takes that back") {
  Arena arena = make();
  const Region& where = *arena.find("of-master");
  where.data[0] = std::byte{1};
  CHECK(fate_of([&] {
          if (!arena.restrict_to(Writers::workers) || where.data[0] != std::byte{1}) return 1;
          return ::mprotect(where.data, kPage, PROT_READ | PROT_WRITE) == -1 && errno == EACCES ? 0 : 2;
        }) == 0);
  int to_child[2];
  REQUIRE(::pipe(to_child) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char go = 0;
    const bool restricted = static_cast<bool>(arena.restrict_to(Writers::gateways));
    ::_exit(restricted && ::read(to_child[0], &go, 1) == 1 && where.data[kPage] == std::byte{7} ? 0 : 1);
  }
  where.data[kPage] = std::byte{7};
  REQUIRE(::write(to_child[1], "x", 1) == 1);
  int status = 1;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("who writes to a region, in words") {
  CHECK(describe_writers(region("", 1, Writers::none)) == "master");
  CHECK(describe_writers(region("", 1, Writers::gateways)) == "gateways");
  CHECK(describe_writers(region("", 1, Writers::all)) == "workers");
  CHECK(describe_writers(region("", 1, Writers::gateways | Writers::workers, 4096)) == "workers, each a part");
}

}  // namespace askr::arena
