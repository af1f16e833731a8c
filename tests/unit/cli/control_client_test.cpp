#include "cli/control_client.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace {

using namespace askr;
using namespace askr::cli;

// A server in a child process that reads one line and answers "<line> -> ANSWER", or nothing at all.
class FakeServer {
 public:
  explicit FakeServer(const std::string& answer) {
    char pattern[] = "/tmp/askr-control-test-XXXXXX";
    folder_ = mkdtemp(pattern);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path().c_str());
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener, 8) == 0);
    child_ = ::fork();
    if (child_ == 0) serve(listener, answer);
    ::close(listener);
  }
  ~FakeServer() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  [[nodiscard]] std::string path() const { return folder_ + "/control.sock"; }

 private:
  [[noreturn]] static void serve(int listener, const std::string& answer) {
    while (true) {
      const int client = ::accept(listener, nullptr, nullptr);
      char buffer[64];
      const ssize_t got = ::recv(client, buffer, sizeof buffer, 0);
      const std::string reply = std::string(buffer, got > 0 ? static_cast<size_t>(got) - 1 : 0) + " -> " + answer;
      if (!answer.empty()) ::send(client, reply.data(), reply.size(), MSG_NOSIGNAL);
      ::close(client);
    }
  }

  std::string folder_;
  pid_t child_ = -1;
};

Invocation with_words(const std::vector<std::string>& words) {
  return {config::parse_command_line(words, {"--json"}, 0, "/").value(), {}, "/"};
}

TEST_CASE("the client sends its line and reads to the end") {
  const FakeServer server(std::string(100'000, 'x'));
  const std::string answer = ask_server(server.path(), "status").value();
  CHECK(answer.starts_with("status -> xxx"));
  CHECK(answer.size() == 100'010);
}

TEST_CASE("a server that says nothing, and one that is not there, are one clear line") {
  const FakeServer silent("");
  CHECK(ask_server(silent.path(), "status").error().message ==
        "the server at " + silent.path() + " closed the connection without an answer");
  const auto nobody = ask_server("/tmp/askr-nobody.sock", "status");
  CHECK(nobody.error().message == "no server answers at /tmp/askr-nobody.sock (askr serve starts one)");
  CHECK(nobody.error().exit_code == 1);
}

TEST_CASE("flags say which server is meant") {
  CHECK(find_server(with_words({"--control=/srv/a.sock"})).value() == "/srv/a.sock");
  CHECK(find_server(with_words({"--listen=127.0.0.1:8123"})).value().ends_with("/127.0.0.1-8123.sock"));
}

TEST_CASE("status and reload print the answer or fail with its reason") {
  const FakeServer nonsense("nonsense");
  CHECK_FALSE(run_status(with_words({"--control=" + nonsense.path()})));
  CHECK(run_reload(with_words({"--control=" + nonsense.path()})).error().message.find("makes no sense") !=
        std::string::npos);
}

}  // namespace
