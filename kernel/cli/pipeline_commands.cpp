// `askr pipeline` and `askr plugins` build the hooks as a gateway does and print them instead of serving.
#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>

#include <cstdio>
#include <map>
#include <memory>

#include "cli/command.hpp"
#include "config/load.hpp"
#include "gateway/access_log.hpp"
#include "gateway/static_files.hpp"
#include "pipeline/pipeline.hpp"

namespace askr::cli {
namespace {

using pipeline::Phase;

// The hooks keep pointers to their plugins, so both live together.
struct Hooks {
  gateway::StaticFiles static_files;
  std::unique_ptr<gateway::AccessLog> access_log;
  pipeline::Pipeline pipeline;
};

enum class AccessLogging { as_configured, on };

Result<std::unique_ptr<Hooks>> build_hooks(const config::Settings& settings, AccessLogging logging) {
  auto hooks = std::make_unique<Hooks>();
  hooks->static_files.install(hooks->pipeline);
  if (!settings.server.access_log.empty() || logging == AccessLogging::on) {
    // Nothing will be logged, and a look at the pipeline should leave no file behind.
    hooks->access_log = ASKR_TRY(gateway::AccessLog::open("/dev/null"));
    hooks->access_log->install(hooks->pipeline);
  }
  ASKR_TRY(hooks->pipeline.seal());
  return hooks;
}

std::string_view place_of(Phase phase) {
  return phase == Phase::request_begin || phase == Phase::request_end ? "worker" : "gateway";
}

std::vector<std::string> plugins_of(const pipeline::Pipeline& pipeline, Phase phase) {
  std::vector<std::string> ids;
  for (const pipeline::Hook& hook : pipeline.hooks(phase)) ids.push_back(hook.plugin);
  return ids;
}

std::map<std::string, std::vector<std::string_view>> phases_by_plugin(const pipeline::Pipeline& pipeline) {
  std::map<std::string, std::vector<std::string_view>> result;
  for (unsigned i = 0; i < pipeline::kPhaseCount; ++i) {
    const auto phase = static_cast<Phase>(i);
    for (const std::string& id : plugins_of(pipeline, phase)) result[id].push_back(pipeline::phase_name(phase));
  }
  return result;
}

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

}  // namespace

Result<int> run_pipeline(const Invocation& invocation) {
  const config::Loaded loaded = ASKR_TRY(config::load(invocation.line, invocation.environment, invocation.folder));
  const auto hooks = ASKR_TRY(build_hooks(loaded.settings, AccessLogging::as_configured));
  print(fmt::format("{:<16}{:<10}{}\n", "PHASE", "WHERE", "HOOKS, IN ORDER"));
  for (unsigned i = 0; i < pipeline::kPhaseCount; ++i) {
    const auto phase = static_cast<Phase>(i);
    const std::vector<std::string> ids =
        phase == Phase::dispatch ? std::vector<std::string>{"(the kernel)"} : plugins_of(hooks->pipeline, phase);
    print(fmt::format("{:<16}{:<10}{}\n", pipeline::phase_name(phase), place_of(phase),
                      ids.empty() ? "-" : fmt::format("{}", fmt::join(ids, ", "))));
  }
  return 0;
}

Result<int> run_plugins(const Invocation& invocation) {
  const config::Loaded loaded = ASKR_TRY(config::load(invocation.line, invocation.environment, invocation.folder));
  const auto active = ASKR_TRY(build_hooks(loaded.settings, AccessLogging::as_configured));
  const auto all = ASKR_TRY(build_hooks(loaded.settings, AccessLogging::on));
  const auto on = phases_by_plugin(active->pipeline);
  print(fmt::format("{:<14}{:<10}{:<8}{}\n", "PLUGIN", "FROM", "STATE", "PHASES"));
  for (const auto& [id, phases] : phases_by_plugin(all->pipeline)) {
    print(fmt::format("{:<14}{:<10}{:<8}{}\n", id, "kernel", on.contains(id) ? "on" : "off", fmt::join(phases, ", ")));
  }
  return 0;
}

}  // namespace askr::cli
