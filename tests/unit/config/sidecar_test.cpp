#include "config/sidecar.hpp"

#include <catch2/catch.hpp>

#include "config/load.hpp"
#include "temporary_folder.hpp"

namespace {

using namespace askr;
using namespace askr::config;
using askr::test::TemporaryFolder;

Result<Loaded> load_words(const std::vector<std::string>& words, const std::string& folder,
                          const Environment& environment = {}) {
  auto line = parse_command_line(words, {}, 0, folder);
  if (!line) return line.error();
  return load(line.value(), environment, folder);
}

std::string problem_of(const TemporaryFolder& folder, const std::vector<std::string>& words = {}) {
  auto loaded = load_words(words, folder.path());
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().exit_code == 2);
  return loaded.error().message;
}

TEST_CASE("sidecars are tables: a command is a line for the shell or a list of words") {
  TemporaryFolder folder;
  folder.write("askr.toml",
               "[[sidecar]]\nname = \"mail\"\ncommand = \"sendmail -q1m\"\n"
               "[[sidecar]]\nname = \"watch-2\"\ncommand = [\"node\", \"watch me.js\"]\nfolder = \"front\"\n");
  const Loaded loaded = load_words({}, folder.path()).value();
  const auto& sidecars = loaded.settings.sidecars;
  REQUIRE(sidecars.size() == 2);
  CHECK(sidecars[0].name == "mail");
  CHECK(sidecars[0].shell == "sendmail -q1m");
  CHECK(sidecars[0].folder == folder.path());
  CHECK(sidecars[1].shell.empty());
  CHECK(sidecars[1].words == std::vector<std::string>{"node", "watch me.js"});
  CHECK(sidecars[1].folder == folder.path() + "/front");
  CHECK(loaded.origin("sidecar").place == "askr.toml:1");
}

TEST_CASE("sidecars run in the folder of the application, where it is named") {
  TemporaryFolder folder;
  folder.write("askr.toml", "[worker]\napp_base = \"app\"\n[[sidecar]]\nname = \"a\"\ncommand = \"b\"\n");
  CHECK(load_words({}, folder.path()).value().settings.sidecars[0].folder == folder.path() + "/app");
}

TEST_CASE("flags and the environment name sidecars as NAME=COMMAND, instead of those of askr.toml") {
  TemporaryFolder folder;
  folder.write("askr.toml", "[[sidecar]]\nname = \"a\"\ncommand = \"b\"\n");
  const Loaded flags =
      load_words({"--sidecar", "mail=A=1 send, now", "--sidecar=x=y"}, folder.path(), {{"ASKR_SIDECAR", "e=f"}})
          .value();
  REQUIRE(flags.settings.sidecars.size() == 2);
  CHECK(flags.settings.sidecars[0].name == "mail");
  CHECK(flags.settings.sidecars[0].shell == "A=1 send, now");
  CHECK(flags.settings.sidecars[1].name == "x");
  const Loaded environment = load_words({}, folder.path(), {{"ASKR_SIDECAR", "one=1\ntwo=2"}}).value();
  CHECK(environment.settings.sidecars.size() == 2);
}

TEST_CASE("config-check prints sidecars so that askr.toml takes them back") {
  TemporaryFolder folder;
  folder.write(
      "askr.toml",
      "[[sidecar]]\nname = \"a\"\ncommand = 'say \"x\"'\n[[sidecar]]\nname = \"b\"\ncommand = [\"c\", \"d\"]\n");
  const Loaded loaded = load_words({}, folder.path()).value();
  const std::string text = effective_toml(loaded);
  const std::string line = "sidecar = [{ name = \"a\", command = \"say \\\"x\\\"\", folder = \"" + folder.path() +
                           "\" }, { name = \"b\", command = [\"c\", \"d\"], folder = \"" + folder.path() + "\" }]";
  CHECK(text.find(line + "  # askr.toml:1\n") != std::string::npos);
  folder.write("askr.toml", text);
  const Loaded again = load_words({}, folder.path()).value();
  CHECK(format_sidecars(again.settings.sidecars) == format_sidecars(loaded.settings.sidecars));
}

TEST_CASE("mistakes in a sidecar name file, line and key") {
  TemporaryFolder folder;
  folder.write("askr.toml",
               "[[sidecar]]\nname = \"a\"\ncomand = \"b\"\n"
               "[[sidecar]]\nname = 5\ncommand = \"b\"\n"
               "[[sidecar]]\nname = \"c\"\ncommand = [\"b\", 6]\n"
               "[[sidecar]]\nname = \"d\"\ncommand = true\nfolder = []\n");
  CHECK(problem_of(folder) ==
        "askr.toml:3: sidecar.comand: unknown key, did you mean sidecar.command?\n"
        "askr.toml:5: sidecar.name: expected a string, got 5\n"
        "askr.toml:9: sidecar.command: expected a string or a list of strings, got 6\n"
        "askr.toml:12: sidecar.command: expected a string or a list of strings, got true\n"
        "askr.toml:13: sidecar.folder: expected a string, got a list");
}

TEST_CASE("a sidecar has a name of its own and a command") {
  TemporaryFolder folder;
  folder.write("askr.toml",
               "[[sidecar]]\ncommand = \"b\"\n"
               "[[sidecar]]\nname = \"Big Name\"\ncommand = \"b\"\n"
               "[[sidecar]]\nname = \"c\"\n"
               "[[sidecar]]\nname = \"d\"\ncommand = []\n"
               "[[sidecar]]\nname = \"e\"\ncommand = \"1\"\n"
               "[[sidecar]]\nname = \"e\"\ncommand = \"2\"\n");
  CHECK(problem_of(folder) ==
        "askr.toml:1: sidecar: a name is missing\n"
        "askr.toml:3: sidecar: expected a name of a-z, 0-9 and - with at most 24 letters, got \"Big Name\"\n"
        "askr.toml:6: sidecar: a command is missing for \"c\"\n"
        "askr.toml:8: sidecar: a command is missing for \"d\"\n"
        "askr.toml:14: sidecar: the name \"e\" is given twice");
}

TEST_CASE("what should be [[sidecar]] is told") {
  TemporaryFolder folder;
  folder.write("askr.toml", "[sidecar]\nname = \"a\"\n");
  CHECK(problem_of(folder) == "askr.toml:1: sidecar: expected [[sidecar]], got a table");
  folder.write("askr.toml", "sidecar = [\"a=b\"]\n");
  CHECK(problem_of(folder) == "askr.toml:1: sidecar: expected [[sidecar]], got \"a=b\"");
  folder.write("askr.toml", "[[sidcar]]\nname = \"a\"\n");
  CHECK(problem_of(folder) == "askr.toml:1: sidcar: unknown key, did you mean sidecar?");
}

TEST_CASE("flags that are no sidecars are told") {
  TemporaryFolder folder;
  CHECK(problem_of(folder, {"--sidecar", "mail"}) == "--sidecar: expected NAME=COMMAND, got \"mail\"");
  CHECK(problem_of(folder, {"--sidecar", "mail="}) == "--sidecar: a command is missing for \"mail\"");
  CHECK(problem_of(folder, {"--sidecar", "a=b", "--sidecar", "a=c"}) == "--sidecar: the name \"a\" is given twice");
  CHECK(problem_of(folder, {"--sidecar", "a_b=c"}) ==
        "--sidecar: expected a name of a-z, 0-9 and - with at most 24 letters, got \"a_b\"");
}

TEST_CASE("a queue has one worker, and none without a script") {
  TemporaryFolder folder;
  CHECK(load_words({"--queue-script", "q.php"}, folder.path()).value().settings.queue.workers == 1);
  CHECK(problem_of(folder, {"--queue-workers", "2"}) == "--queue-workers: needs a script to run (queue.script)");
  CHECK(load_words({"--queue-workers", "0"}, folder.path()));
}

TEST_CASE("scripts and folders of sidecars have to exist") {
  TemporaryFolder folder;
  folder.write("index.php", "");
  const Loaded loaded = load_words({"--queue-script=q.php", "--scheduler-script=s.php"}, folder.path()).value();
  const auto checked = check_files(loaded);
  REQUIRE_FALSE(checked);
  CHECK(checked.error().message == "--queue-script: " + folder.path() + "/q.php: No such file or directory\n" +
                                       "--scheduler-script: " + folder.path() + "/s.php: No such file or directory");
  folder.write("askr.toml", "[[sidecar]]\nname = \"a\"\ncommand = \"b\"\nfolder = \"gone\"\n");
  const auto gone = check_files(load_words({}, folder.path()).value());
  REQUIRE_FALSE(gone);
  CHECK(gone.error().message == "askr.toml:1: sidecar: " + folder.path() + "/gone: No such file or directory");
}

}  // namespace
