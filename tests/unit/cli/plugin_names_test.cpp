#include "cli/plugin_names.hpp"

#include <catch2/catch.hpp>

#include "gateway/kernel_plugins.hpp"

namespace {

using namespace askr;

config::Loaded load_words(const std::vector<std::string>& words) {
  return config::load(config::parse_command_line(words, {}, 0, "/tmp").value(), {}, "/tmp").value();
}

TEST_CASE("plugins are switched by names that exist, one way at a time") {
  CHECK(cli::check_plugin_names(load_words({"--plugin=static", "--no-plugin=access-log"}), {}));
  CHECK(cli::check_plugin_names(load_words({"--plugin=statik"}), {}).error().message ==
        "--plugin: there is no plugin \"statik\", did you mean static?");
  const auto both = cli::check_plugin_names(load_words({"--plugin=static", "--no-plugin=static"}), {});
  CHECK(both.error().message == "--plugin: \"static\" is enabled and disabled");
  CHECK(both.error().exit_code == 2);
}

TEST_CASE("a kernel plugin is on unless disabled; the access log also needs somewhere to go") {
  using Names = std::vector<std::string_view>;
  CHECK(gateway::active_kernel_plugins(load_words({}).settings) == Names{"static"});
  CHECK(gateway::active_kernel_plugins(load_words({"--access-log=-"}).settings) == Names{"static", "access-log"});
  CHECK(gateway::active_kernel_plugins(load_words({"--no-plugin=static"}).settings).empty());

  gateway::StaticFiles files;
  pipeline::Pipeline pipeline;
  gateway::install_kernel_plugins(load_words({"--no-plugin=static"}).settings, files, nullptr, pipeline);
  CHECK(pipeline.empty(pipeline::Phase::route));
}

}  // namespace
