#include "cli/plugin_commands.hpp"

#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "cli/control_client.hpp"
#include "cli/server_plan.hpp"
#include "config/nearest.hpp"
#include "config/quote.hpp"
#include "plugin/option_bridge.hpp"
#include "plugin/selection.hpp"

namespace askr::cli {
namespace {

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

std::string join_ids(const char* const* list) {
  std::string text;
  plugin::for_each_id(list, [&](std::string_view id) { text.append(text.empty() ? "" : ", ").append(id); });
  return text.empty() ? "-" : text;
}

std::string_view activation_name(uint16_t activation) {
  switch (activation) {
    case ASKR_ACTIVE_ALWAYS:
      return "always, unless disabled";
    case ASKR_ACTIVE_WHEN_SET:
      return "when one of its options is set";
    case ASKR_ACTIVE_WITH_REQUIRED:
      return "with what it requires";
    default:
      return "when it is enabled";
  }
}

Result<int> inspect(const plugin::Library& library) {
  const askr_descriptor& it = *library.descriptor;
  print(fmt::format("{} {} ({}): {}\n", it.id, it.version, it.licence, it.summary));
  print(fmt::format("  built for SDK {}.{}, needs {}.{}\n", it.abi_major, it.abi_minor, it.abi_major, it.abi_minimum));
  print(fmt::format("  active      {}\n  requires    {}\n  optional    {}\n", activation_name(it.activation),
                    join_ids(it.requires_), join_ids(it.optional)));
  print(fmt::format("  conflicts   {}\n  provides    {}\n  before      {}\n  after       {}\n", join_ids(it.conflicts),
                    join_ids(it.provides), join_ids(it.before), join_ids(it.after)));
  ASKR_TRY(plugin::add_plugin_options({library}));
  for (const config::Option& option : config::options()) {
    if (option.plugin != library.id()) continue;
    print(
        fmt::format("  {} {}\n      {} [{}]\n", option.flag, option.placeholder, option.help, option.default_value()));
  }
  return 0;
}

// As far as a server goes before it maps memory; what the plugin needs beside it is taken from the server's own folder.
Result<int> verify(const plugin::Library& library) {
  std::vector<plugin::Library> all;
  std::error_code ignored;
  if (std::filesystem::is_directory(plugin::own_folder(), ignored)) {
    all = ASKR_TRY(plugin::open_folders({plugin::own_folder()}, {}));
  }
  std::erase_if(all, [&](const plugin::Library& other) { return other.id() == library.id(); });
  all.push_back(library);
  ASKR_TRY(plugin::add_plugin_options(all));
  std::vector<std::string> words{"--plugin", std::string(library.id())};
  plugin::for_each_id(library.descriptor->requires_, [&](std::string_view id) {
    const auto is_it = [id](const plugin::Library& other) { return other.id() == id; };
    if (std::any_of(all.begin(), all.end(), is_it)) words.insert(words.end(), {"--plugin", std::string(id)});
  });
  const config::CommandLine line = ASKR_TRY(config::parse_command_line(words, {}, 0, "/"));
  process::ServerPlan plan{ASKR_TRY(config::load(line, {}, "/")), {}};
  plan.plugins = ASKR_TRY(plugin::select_active(all, plan.loaded));
  const auto host = ASKR_TRY(process::make_host(plan));
  pipeline::Pipeline pipeline;
  host->install(pipeline);
  ASKR_TRY(pipeline.seal());
  print(fmt::format("{} {}: this server would load it\n", library.id(), library.descriptor->version));
  return 0;
}

// Runs foreign code where it can do no harm to this process, and says how it ended.
Result<int> in_own_process(const std::string& file, const std::function<Result<int>()>& action) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return system_error("cannot fork");
  if (pid == 0) {
    const auto code = action();
    std::fflush(stdout);
    if (!code) std::fputs(fmt::format("askr: {}\n", code.error().message).c_str(), stderr);
    ::_exit(code ? code.value() : 1);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return Error{fmt::format("plugin {} crashes while it is loaded: {}", file, ::strsignal(WTERMSIG(status)))};
}

}  // namespace

Result<int> run_plugin(const Invocation& invocation) {
  const std::vector<std::string>& operands = invocation.line.operands;
  if (operands.size() != 2 || (operands[0] != "inspect" && operands[0] != "verify")) {
    return usage_error("askr plugin inspect FILE.so, or askr plugin verify FILE.so");
  }
  const std::string path = (std::filesystem::path(invocation.folder) / operands[1]).string();
  return in_own_process(path, [&]() -> Result<int> {
    const plugin::Library library = ASKR_TRY(plugin::open_library(path));
    return operands[0] == "inspect" ? inspect(library) : verify(library);
  });
}

// Which plugins are active is the running server's business, so it is asked even for a word that is known nowhere.
Result<int> ask_plugin(const std::string& name, const Invocation& invocation) {
  nlohmann::json words = nlohmann::json::array({name});
  for (const std::string& word : invocation.line.operands) words.push_back(word);
  const auto server = find_server(invocation);
  auto text = server ? ask_server(server.value(), words.dump()) : Result<std::string>(server.error());
  const nlohmann::json answer = nlohmann::json::parse(text ? text.value() : "{}", nullptr, false);
  if (answer.is_object() && answer.contains("exit_code") && answer.contains("text")) {
    const int code = answer["exit_code"].get<int>();
    std::fputs(answer["text"].get<std::string>().c_str(), code == 0 ? stdout : stderr);
    return code;
  }
  std::vector<std::string> known;
  for (const Command& command : commands()) known.emplace_back(command.name);
  if (answer.is_object() && answer.contains("commands")) {
    for (const nlohmann::json& command : answer["commands"]) known.push_back(command.get<std::string>());
  }
  const std::string beyond = text ? "" : "; a plugin of a running server may know it, but " + text.error().message;
  return usage_error(
      fmt::format("{}: unknown command{}{}", config::quote(name), config::suggestion(name, known), beyond));
}

}  // namespace askr::cli
