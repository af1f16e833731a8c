// `askr pipeline`, `askr plugins` and `askr regions` build what a server would, and print it instead of serving.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/join.hpp"
#include "cli/command.hpp"
#include "cli/server_plan.hpp"
#include "gateway/kernel_plugins.hpp"
#include "process/serve.hpp"

namespace askr::cli {
namespace {

using pipeline::Phase;

// The hooks keep pointers to their plugins, so all live together.
struct Hooks {
  process::ServerPlan plan;
  std::unique_ptr<plugin::Host> plugins;
  gateway::StaticFiles static_files;
  std::unique_ptr<gateway::AccessLog> access_log;
  pipeline::Pipeline pipeline;
};

Result<std::unique_ptr<Hooks>> build_hooks(const Invocation& invocation) {
  auto hooks = std::make_unique<Hooks>();
  hooks->plan = ASKR_TRY(plan_server(invocation));
  hooks->plugins = ASKR_TRY(process::make_host(hooks->plan));
  // Nothing will be logged, and a look at the pipeline should leave no file behind.
  hooks->access_log = ASKR_TRY(gateway::AccessLog::open("/dev/null"));
  gateway::install_kernel_plugins(hooks->plan.loaded.settings, hooks->static_files, hooks->access_log.get(),
                                  hooks->pipeline);
  hooks->plugins->install(hooks->pipeline);
  ASKR_TRY(hooks->pipeline.seal());
  return hooks;
}

std::string_view place_of(Phase phase) {
  return phase == Phase::request_begin || phase == Phase::request_end ? "worker" : "gateway";
}

std::vector<std::string> hooks_of(const pipeline::Pipeline& pipeline, Phase phase) {
  if (phase == Phase::dispatch) return {"(the kernel)"};
  std::vector<std::string> ids;
  for (const pipeline::Hook& hook : pipeline.hooks(phase)) ids.push_back(hook.plugin);
  if (ids.empty()) ids.emplace_back("-");
  return ids;
}

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

}  // namespace

Result<int> run_pipeline(const Invocation& invocation) {
  const auto hooks = ASKR_TRY(build_hooks(invocation));
  print(fmt::format("{:<16}{:<10}{}\n", "PHASE", "WHERE", "HOOKS, IN ORDER"));
  for (unsigned i = 0; i < pipeline::kPhaseCount; ++i) {
    const auto phase = static_cast<Phase>(i);
    print(fmt::format("{:<16}{:<10}{}\n", pipeline::phase_name(phase), place_of(phase),
                      join(hooks_of(hooks->pipeline, phase), ", ")));
  }
  return 0;
}

Result<int> run_plugins(const Invocation& invocation) {
  const process::ServerPlan plan = ASKR_TRY(plan_server(invocation));
  const auto host = ASKR_TRY(process::make_host(plan));
  const std::vector<std::string_view> kernel = gateway::active_kernel_plugins(plan.loaded.settings);
  print(fmt::format("{:<14}{:<10}{:<6}{}\n", "PLUGIN", "VERSION", "STATE", "WHAT IT DOES, AND WHERE IT IS"));
  for (const std::string_view name : gateway::kKernelPlugins) {
    const bool on = std::find(kernel.begin(), kernel.end(), name) != kernel.end();
    print(fmt::format("{:<14}{:<10}{:<6}part of the server\n", name, ASKR_VERSION, on ? "on" : "off"));
  }
  for (const plugin::Library& library : installed_plugins()) {
    const bool on = std::find(plan.plugins.begin(), plan.plugins.end(), &library) != plan.plugins.end();
    print(fmt::format("{:<14}{:<10}{:<6}{} ({})\n", library.id(), library.descriptor->version, on ? "on" : "off",
                      library.descriptor->summary, library.path));
  }
  for (const auto& plugin : host->plugins()) {
    for (const askr_command* command : plugin->commands) {
      print(fmt::format("\naskr {}\n    {} (plugin {})\n", command->usage, command->summary, plugin->id()));
    }
  }
  return 0;
}

Result<int> run_regions(const Invocation& invocation) {
  const process::ServerPlan plan = ASKR_TRY(plan_server(invocation));
  const auto host = ASKR_TRY(process::make_host(plan));
  print(fmt::format("{:<18}{:<10}{:>12}{:>9}  {}\n", "REGION", "OWNER", "SIZE", "LAYOUT", "WRITTEN BY"));
  for (const arena::Region& region : arena::in_order(process::all_regions(plan.loaded.settings, *host))) {
    print(fmt::format("{:<18}{:<10}{:>9} KB{:>9}  {}\n", region.name, region.owner, (region.size + 1023) >> 10,
                      region.layout_version, arena::describe_writers(region)));
  }
  print("Reserved, not used: a page costs memory only once a request has touched it.\n");
  return 0;
}

}  // namespace askr::cli
