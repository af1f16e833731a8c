#include "php/kernel_state.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <functional>
#include <memory>

namespace {

using askr::exchange::NotRewound;
using askr::php::KernelState;
using askr::php::Look;

// In a process of its own: what is changed there is that process's.
int in_child(const std::function<bool(KernelState&)>& test) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto state = std::make_unique<KernelState>();
    ::_exit(state->take({}) && test(*state) ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  return status;
}

TEST_CASE("descriptors, signal handlers, umask and directory are put back") {
  CHECK(in_child([](KernelState& state) {
          const int fd = ::open("/dev/null", O_RDONLY);
          ::signal(SIGUSR1, SIG_IGN);
          ::umask(0111);
          if (::chdir("/") != 0 || state.why_not_put_back(Look::complete) != NotRewound::no) return false;
          state.put_back(Look::complete);
          char folder[4096];
          struct sigaction action {};
          ::sigaction(SIGUSR1, nullptr, &action);
          const bool is_closed = ::fcntl(fd, F_GETFD) < 0;
          return is_closed && action.sa_handler == SIG_DFL && ::umask(0) != 0111 &&
                 ::getcwd(folder, sizeof folder) != nullptr && std::string(folder) != "/";
        }) == 0);
}

TEST_CASE("timers are stopped, blocked signals let through again, and what waited is dropped") {
  CHECK(in_child([](KernelState& state) {
          sigset_t set;
          sigemptyset(&set);
          sigaddset(&set, SIGALRM);
          ::sigprocmask(SIG_BLOCK, &set, nullptr);
          ::raise(SIGALRM);
          ::alarm(1000);
          state.put_back(Look::complete);
          sigset_t now;
          ::sigprocmask(SIG_BLOCK, nullptr, &now);
          return sigismember(&now, SIGALRM) == 0 && ::alarm(0) == 0;
        }) == 0);
}

TEST_CASE("a descriptor that was closed or became another file cannot be put back") {
  const int fd = ::open("/dev/null", O_RDONLY);
  CHECK(in_child([fd](KernelState& state) {
          ::close(fd);
          return state.why_not_put_back(Look::complete) == NotRewound::descriptor;
        }) == 0);
  CHECK(in_child([fd](KernelState& state) {
          const int other = ::open("/dev/zero", O_RDONLY);
          ::dup2(other, fd);
          return state.why_not_put_back(Look::complete) == NotRewound::descriptor;
        }) == 0);
  ::close(fd);
}

TEST_CASE("a quick look sees to what scripts have open and to children, and leaves what is the server's alone") {
  const int of_the_server = ::open("/dev/null", O_RDONLY);
  const int of_a_script = ::open("/dev/null", O_RDONLY);
  const auto take_and = [&](const std::function<bool(KernelState&)>& test) {
    return in_child([&](KernelState& state) {
      const std::array<int, 1> known{of_the_server};
      return state.take(known) && test(state);
    });
  };
  CHECK(take_and([&](KernelState& state) {
          const int fresh = ::open("/dev/zero", O_RDONLY);
          ::umask(0111);
          if (::chdir("/") != 0 || state.why_not_put_back(Look::quick) != NotRewound::no) return false;
          state.put_back(Look::quick);
          char folder[4096];
          return ::fcntl(fresh, F_GETFD) < 0 && ::fcntl(of_the_server, F_GETFD) >= 0 && ::umask(0) != 0111 &&
                 ::getcwd(folder, sizeof folder) != nullptr && std::string(folder) != "/";
        }) == 0);
  CHECK(take_and([&](KernelState& state) {
          ::close(of_a_script);
          return state.why_not_put_back(Look::quick) == NotRewound::descriptor;
        }) == 0);
  CHECK(take_and([&](KernelState& state) {
          ::close(of_the_server);
          return state.why_not_put_back(Look::quick) == NotRewound::no &&
                 state.why_not_put_back(Look::complete) == NotRewound::descriptor;
        }) == 0);
  CHECK(take_and([&](KernelState& state) {
          ::setpgid(0, 0);
          return state.why_not_put_back(Look::complete) == NotRewound::identity;
        }) == 0);
  CHECK(take_and([&](KernelState& state) {
          const pid_t child = ::fork();
          if (child == 0) {
            ::pause();
            ::_exit(0);
          }
          const bool seen = state.why_not_put_back(Look::quick) == NotRewound::child;
          ::kill(child, SIGKILL);
          return seen;
        }) == 0);
  ::close(of_the_server);
  ::close(of_a_script);
}

TEST_CASE("a child that lives cannot be put back, one that has ended is done with") {
  CHECK(in_child([](KernelState& state) {
          const pid_t child = ::fork();
          if (child == 0) {
            ::pause();
            ::_exit(0);
          }
          const bool refused = state.why_not_put_back(Look::complete) == NotRewound::child;
          ::kill(child, SIGKILL);
          while (state.why_not_put_back(Look::complete) != NotRewound::no) ::usleep(1000);
          return refused;
        }) == 0);
}

TEST_CASE("another process than the one it was taken in is refused") {
  CHECK(in_child([](KernelState& state) {
          const pid_t child = ::fork();
          if (child == 0) ::_exit(state.why_not_put_back(Look::complete) == NotRewound::identity ? 0 : 1);
          int status = 1;
          ::waitpid(child, &status, 0);
          return status == 0;
        }) == 0);
}

}  // namespace
