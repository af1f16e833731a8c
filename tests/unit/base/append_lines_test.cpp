#include "base/append_lines.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "base/fd.hpp"

namespace {

using askr::append_lines;
using askr::UniqueFd;

struct File {
  std::string path = "/tmp/askr-append-test-XXXXXX";
  UniqueFd fd;
  File() {
    fd.reset(::mkstemp(path.data()));
    ::fcntl(fd.get(), F_SETFL, O_APPEND);
  }
  ~File() { ::unlink(path.c_str()); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
  }
};

// In a process of its own: the limit cannot be taken back by who is not root.
template <class Action>
void in_child_with_limit(rlim_t bytes, Action action) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    action();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("lines are appended") {
  const File file;
  CHECK(append_lines(file.fd.get(), "one\n") == 4);
  CHECK(append_lines(file.fd.get(), "two\nthree\n") == 10);
  CHECK(file.text() == "one\ntwo\nthree\n");
}

TEST_CASE("at the limit whole lines are written and no part of one") {
  const File file;
  in_child_with_limit(10, [&] {
    const bool right = append_lines(file.fd.get(), "aaa\nbbb\nccc\n") == 8 &&
                       append_lines(file.fd.get(), "ddd\n") == 0 && append_lines(file.fd.get(), "e\n") == 2 &&
                       append_lines(file.fd.get(), "\n") == 0;
    ::_exit(right ? 0 : 1);
  });
  CHECK(file.text() == "aaa\nbbb\ne\n");
}

TEST_CASE("processes that share the file do not tear each other's lines at the limit") {
  const File file;
  constexpr int kProcesses = 4;
  for (int number = 0; number < kProcesses; ++number) {
    if (::fork() != 0) continue;
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{50'003, 50'003};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string line = std::string(20 + static_cast<size_t>(number) * 7, static_cast<char>('a' + number)) + "\n";
    for (int count = 0; count < 2000; ++count) static_cast<void>(append_lines(file.fd.get(), line));
    ::_exit(0);
  }
  for (int number = 0; number < kProcesses; ++number) ::wait(nullptr);
  const std::string text = file.text();
  CHECK(text.size() > 49'900);
  CHECK(text.size() <= 50'003);
  CHECK(text.ends_with('\n'));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    REQUIRE_FALSE(line.empty());
    const auto number = static_cast<size_t>(line[0] - 'a');
    REQUIRE(line == std::string(20 + number * 7, line[0]));
  }
}

}  // namespace
