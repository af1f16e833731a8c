#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/control_client.hpp"
#include "cli/status_table.hpp"

namespace askr::cli {

Result<int> run_status(const Invocation& invocation) {
  const std::string answer = ASKR_TRY(ask_server(ASKR_TRY(find_server(invocation)), "status"));
  const std::string text = invocation.line.has_switch("--json") ? answer : ASKR_TRY(status_table(answer));
  std::fputs(text.c_str(), stdout);
  return 0;
}

Result<int> run_reload(const Invocation& invocation) {
  const std::string text = ASKR_TRY(ask_server(ASKR_TRY(find_own_server(invocation)), "reload"));
  const nlohmann::json answer = nlohmann::json::parse(text, nullptr, false);
  if (!answer.is_object() || !answer.contains("ok") || !answer["ok"].is_boolean()) {
    return Error{"the server's answer makes no sense: " + text.substr(0, 80)};
  }
  const bool said_why = answer.contains("message") && answer["message"].is_string();
  const std::string message = said_why ? answer["message"].get<std::string>() : "";
  if (!answer["ok"].get<bool>()) return Error{"reload failed: " + message};
  std::fputs((message.empty() ? "reloaded\n" : message + "\n").c_str(), stdout);
  return 0;
}

}  // namespace askr::cli
