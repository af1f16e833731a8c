#include "config/account.hpp"

#include <unistd.h>

namespace askr::config {

Result<std::optional<Account>> find_account(const Loaded& loaded) {
  const ServerSettings& server = loaded.settings.server;
  if (server.user.empty() && server.group.empty()) return std::optional<Account>();
  if (server.user.empty()) {
    return usage_error(describe_place(loaded.origin("server.group"), "server.group") + "needs a user (server.user)");
  }
  auto found = askr::find_account(server.user, server.group);
  if (found) return std::optional<Account>(std::move(found).value());
  const bool is_about_group = !server.group.empty() && askr::find_account(server.user, "0");
  const std::string_view option = is_about_group ? "server.group" : "server.user";
  return usage_error(describe_place(loaded.origin(option), option) + found.error().message);
}

bool runs_php_as_root(const Settings& settings) {
  if (::geteuid() != 0) return false;
  if (settings.server.user.empty()) return true;
  const auto account = askr::find_account(settings.server.user, settings.server.group);
  return account && account.value().user == 0;
}

Result<> check_right_to_change_user(const Loaded& loaded) {
  if (loaded.settings.server.user.empty() || ::geteuid() == 0) return ok();
  return usage_error(describe_place(loaded.origin("server.user"), "server.user") +
                     "only root can start a server that runs as another user; start it as root, or without this");
}

}  // namespace askr::config
