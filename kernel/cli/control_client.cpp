#include "cli/control_client.hpp"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "base/join.hpp"
#include "config/control_path.hpp"
#include "config/load.hpp"
#include "process/serve.hpp"

namespace askr::cli {
namespace {

constexpr time_t kAnswerSeconds = 300;  // a reload boots the application

Error nobody_answers(const std::string& path, int number) {
  if (number == EACCES) return system_error("the server at " + path + " belongs to another user", number);
  return Error{"no server answers at " + path + " (askr serve starts one)"};
}

Result<UniqueFd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return usage_error(path + ": too long for a Unix socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return system_error("cannot make a socket");
  const timeval limit{kAnswerSeconds, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return nobody_answers(path, errno);
  }
  return socket;
}

// A dead server leaves its socket behind; only one that accepts counts.
std::vector<std::string> answering_sockets() {
  std::vector<std::string> paths = config::control_sockets();
  std::erase_if(paths, [](const std::string& path) { return !connect_to(path); });
  return paths;
}

// With --config the file's defaults are meant as well: without an address in it, the server at the default one.
bool names_a_server(const Invocation& invocation, const config::Loaded& loaded) {
  const auto is_set = [&](std::string_view option) {
    return loaded.origin(option).source != config::Source::default_value;
  };
  return !invocation.line.config_file.empty() || is_set("server.control") || is_set("server.listen");
}

Result<std::string> read_all(int socket) {
  std::string answer;
  char buffer[16384];
  while (true) {
    const ssize_t got = ::recv(socket, buffer, sizeof buffer, 0);
    if (got == 0) return answer;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("the server did not answer");
    answer.append(buffer, static_cast<size_t>(got));
  }
}

bool is_same_place(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return !a.empty() && (a == b || std::filesystem::equivalent(a, b, ignored));
}

std::string text_in(const nlohmann::json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : "";
}

}  // namespace

Result<std::string> find_server(const Invocation& invocation) {
  const config::Loaded loaded = ASKR_TRY(config::load(invocation.line, invocation.environment, invocation.folder));
  const std::string configured = process::control_path(loaded.settings);
  if (names_a_server(invocation, loaded)) return configured;
  const std::vector<std::string> answering = answering_sockets();
  if (answering.size() == 1) return answering.front();
  const bool listed = std::find(answering.begin(), answering.end(), configured) != answering.end();
  if (answering.empty() || (listed && !loaded.settings.config_file.empty())) return configured;
  return usage_error(fmt::format("several servers run, say which with --control FILE: {}", join(answering, " ")));
}

Result<std::string> find_own_server(const Invocation& invocation) {
  const config::Loaded loaded = ASKR_TRY(config::load(invocation.line, invocation.environment, invocation.folder));
  std::string path = ASKR_TRY(find_server(invocation));
  if (names_a_server(invocation, loaded)) return path;
  const std::string answer = ASKR_TRY(ask_server(path, "status"));
  const nlohmann::json status = nlohmann::json::parse(answer, nullptr, false);
  const std::string folder = text_in(status, "folder");
  if (is_same_place(folder, invocation.folder)) return path;
  if (is_same_place(text_in(status, "config_file"), loaded.settings.config_file)) return path;
  return usage_error(
      fmt::format("the server that runs was started in {}, and not here: if it is meant, say --control {}",
                  folder.empty() ? "another folder" : folder, path));
}

Result<std::string> ask_server(const std::string& path, const std::string& command) {
  const UniqueFd socket = ASKR_TRY(connect_to(path));
  const std::string line = command + "\n";
  if (::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
    return system_error("cannot ask the server at " + path);
  }
  std::string answer = ASKR_TRY(read_all(socket.get()));
  if (answer.empty()) return Error{"the server at " + path + " closed the connection without an answer"};
  return answer;
}

}  // namespace askr::cli
