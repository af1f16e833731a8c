#include "cli/help.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "config/options.hpp"

namespace {

using namespace askr::cli;

void check_width(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(line.size() < 80);
    CHECK((line.empty() || line.back() != ' '));
  }
}

TEST_CASE("no help is wider than a terminal of 80 columns") {
  check_width(main_help());
  for (const Command& command : commands()) check_width(command_help(command));
}

TEST_CASE("the main help names every command") {
  for (const Command& command : commands()) {
    CAPTURE(command.name);
    CHECK(main_help().find("\n  " + std::string(command.name) + " ") != std::string::npos);
  }
}

TEST_CASE("serve --help has every flag with its default, below its group") {
  const std::string help = command_help(commands().front());
  for (const askr::config::Option& option : askr::config::options()) {
    CAPTURE(option.flag);
    CHECK(help.find("\n  " + std::string(option.flag) + " " + std::string(option.placeholder)) != std::string::npos);
    CHECK(help.find("\n" + std::string(option.group) + "\n") != std::string::npos);
  }
  CHECK(help.find("[16M]") != std::string::npos);
  CHECK(help.find("[127.0.0.1:8000]") != std::string::npos);
}

TEST_CASE("other commands list the settings that matter to them, and their switches") {
  for (const Command& command : commands()) {
    const std::string help = command_help(command);
    if (command.name == "status") {
      CHECK(help.find("--json") != std::string::npos);
      CHECK(help.find("--control FILE") != std::string::npos);
      CHECK(help.find("--workers") == std::string::npos);
    }
  }
}

}  // namespace
