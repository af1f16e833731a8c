#include "cli/command.hpp"

namespace askr::cli {
namespace {

constexpr std::string_view kStrict = "An ASKR_ variable that is no setting is an error, not a warning";

}  // namespace

std::span<const Command> commands() {
  static const Command kCommands[] = {
      {"serve",
       "serve [--config FILE] [options]",
       "run the server",
       "Runs the server in the foreground. INT or TERM stops it when running requests are done (a second one at once), "
       "HUP or USR2 reloads, USR1 opens the logs again.",
       HelpScope::all_settings,
       {{"--strict", kStrict},
        {"--yes-serve-this", "Serve a document root that is a whole project, with its database, logs and libraries"}},
       0,
       run_serve},
      {"config-check",
       "config-check [FILE] [options]",
       "validate the settings, say where each comes from",
       "Checks askr.toml (or FILE), the environment and the flags as `serve` would, and prints the settings in effect "
       "as an askr.toml with the origin of each.",
       HelpScope::all_settings,
       {{"--strict", kStrict}},
       1,
       run_config_check},
      {"doctor",
       "doctor [--root DIR] [options]",
       "is this PHP, this machine, this application ready",
       "Looks at PHP, the machine and the application and says what to change. Exits with 1 when something will not "
       "work.",
       HelpScope::root_only,
       {},
       0,
       run_doctor},
      {"test",
       "test [--root DIR] [options] [PATH...]",
       "run PHP tests from one warm process",
       "Boots PHP and PHPUnit once and forks a process for each test file: nothing that one file leaves behind "
       "is seen by another one, and none has to boot. Files are those of phpunit.xml or below the PATHs. Exits with 0 "
       "when all tests have passed, 1 when one has not, 2 when none could be run.",
       HelpScope::none,
       {{"--root DIR", "The project, with phpunit.xml and vendor [the working folder]"},
        {"--runner FILE",
         "PHP that finds and runs the tests; none: each file is a script, whose exit status counts "
         "[the one for PHPUnit, where vendor has it]"},
        {"--parallel N", "Processes at once [one for each processor]"},
        {"--timeout TIME", "End a test that takes longer: 30s, 500ms"},
        {"--retry N", "Run what fails up to N times more; what passes then is flaky, not broken"},
        {"--repeat N", "Run everything N times"},
        {"--failed", "Only what failed last"},
        {"--shard I/N", "The I-th of N parts of about the same length, for as many machines"},
        {"--seed N", "Random order, the one of this number"},
        {"--stop-on-failure", "Stop at the first failure"},
        {"--isolation-report", "Run everything in one process and then apart, and name what differs"},
        {"--junit FILE", "Write the results as JUnit XML"},
        {"--teamcity", "Print TeamCity's service messages"},
        {"--json", "Print a line of JSON for each test"},
        {"--testdox", "Print the names of the tests as sentences"},
        {"--cache DIR", "Where times and compiled scripts are kept [~/.cache/askr/test]"},
        {"--ini NAME=VALUE", "A php.ini setting; repeatable"},
        {"--filter PATTERN",
         "As PHPUnit's; so are --group, --exclude-group, --testsuite, --order-by, --bootstrap and "
         "--configuration"}},
       0,
       nullptr,
       PluginUse::none,
       run_test},
      {"status",
       "status [--json] [options]",
       "processes and memory of a running server",
       "Asks a running server for its processes. Which one: that of --control or --listen, of the environment or of "
       "askr.toml; without any of these, the one server that this user runs.",
       HelpScope::which_server,
       {{"--json", "The whole answer as JSON"}},
       0,
       run_status},
      {"reload",
       "reload [options]",
       "load new code in a running server",
       "Starts a new generation of workers in a running server and waits until it serves. When the new code does not "
       "boot, the old generation goes on and the exit code is 1. Which server: that of --control or --listen, of the "
       "environment or of askr.toml; without any of these, the one server that this user runs, if it was started in "
       "this "
       "folder.",
       HelpScope::which_server,
       {},
       0,
       run_reload},
      {"pipeline",
       "pipeline [options]",
       "the hooks of each phase, in order",
       "Prints which hooks a request passes with these settings, phase by phase.",
       HelpScope::root_only,
       {},
       0,
       run_pipeline},
      {"plugins",
       "plugins [options]",
       "the plugins of this build",
       "Prints the plugins with the phases they hook, and which are on with these settings.",
       HelpScope::root_only,
       {},
       0,
       run_plugins},
      {"plugin",
       "plugin inspect|verify FILE.so",
       "look at a plugin, or check that this server would load it",
       "`inspect` prints what the plugin says of itself. `verify` also loads it as a server would, up to the step "
       "before shared memory is mapped, with its options at their defaults, and exits with 1 when that fails. Both do "
       "it in a process of their own, so a plugin that crashes does no harm.",
       HelpScope::none,
       {},
       2,
       run_plugin,
       PluginUse::none},
      {"regions",
       "regions [options]",
       "the shared memory of a server",
       "Prints the regions of shared memory that a server with these settings maps.",
       HelpScope::root_only,
       {},
       0,
       run_regions},
  };
  return kCommands;
}

}  // namespace askr::cli
