// `askr pipeline`, `askr plugins` and `askr regions` build what a server would, and print it instead of serving.
#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/command.hpp"
#include "cli/plugin_names.hpp"
#include "config/load.hpp"
#include "gateway/kernel_plugins.hpp"
#include "process/serve.hpp"

namespace askr::cli {
namespace {

using pipeline::Phase;

// The hooks keep pointers to their plugins, so both live together.
struct Hooks {
  gateway::StaticFiles static_files;
  std::unique_ptr<gateway::AccessLog> access_log;
  pipeline::Pipeline pipeline;
};

Result<std::unique_ptr<Hooks>> build_hooks(const config::Settings& settings) {
  auto hooks = std::make_unique<Hooks>();
  // Nothing will be logged, and a look at the pipeline should leave no file behind.
  hooks->access_log = ASKR_TRY(gateway::AccessLog::open("/dev/null"));
  gateway::install_kernel_plugins(settings, hooks->static_files, hooks->access_log.get(), hooks->pipeline);
  ASKR_TRY(hooks->pipeline.seal());
  return hooks;
}

Result<config::Settings> load_settings(const Invocation& invocation) {
  config::Loaded loaded = ASKR_TRY(config::load(invocation.line, invocation.environment, invocation.folder));
  ASKR_TRY(check_plugin_names(loaded));
  return std::move(loaded.settings);
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
  const auto hooks = ASKR_TRY(build_hooks(ASKR_TRY(load_settings(invocation))));
  print(fmt::format("{:<16}{:<10}{}\n", "PHASE", "WHERE", "HOOKS, IN ORDER"));
  for (unsigned i = 0; i < pipeline::kPhaseCount; ++i) {
    const auto phase = static_cast<Phase>(i);
    print(fmt::format("{:<16}{:<10}{}\n", pipeline::phase_name(phase), place_of(phase),
                      fmt::join(hooks_of(hooks->pipeline, phase), ", ")));
  }
  return 0;
}

Result<int> run_plugins(const Invocation& invocation) {
  const config::Settings settings = ASKR_TRY(load_settings(invocation));
  const std::vector<std::string_view> active = gateway::active_kernel_plugins(settings);
  print(fmt::format("{:<14}{:<10}{}\n", "PLUGIN", "FROM", "STATE"));
  for (const std::string_view name : gateway::kKernelPlugins) {
    const bool on = std::find(active.begin(), active.end(), name) != active.end();
    print(fmt::format("{:<14}{:<10}{}\n", name, "kernel", on ? "on" : "off"));
  }
  return 0;
}

Result<int> run_regions(const Invocation& invocation) {
  const config::Settings settings = ASKR_TRY(load_settings(invocation));
  print(fmt::format("{:<18}{:<10}{:>12}{:>9}\n", "REGION", "OWNER", "SIZE", "LAYOUT"));
  for (const arena::Region& region : exchange::Exchange::regions(process::exchange_options(settings))) {
    print(fmt::format("{:<18}{:<10}{:>9} KB{:>9}\n", region.name, region.owner, region.size >> 10,
                      region.layout_version));
  }
  print("Reserved, not used: a page costs memory only once a request has touched it.\n");
  return 0;
}

}  // namespace askr::cli
