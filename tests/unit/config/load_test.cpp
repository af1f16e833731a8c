#include "config/load.hpp"

#include <catch2/catch.hpp>

#include "config/machine.hpp"
#include "temporary_folder.hpp"

namespace {

using namespace askr;
using namespace askr::config;
using askr::test::TemporaryFolder;

Result<Loaded> load_words(const std::vector<std::string>& words, const Environment& environment,
                          const std::string& folder) {
  auto line = parse_command_line(words, {}, 0, folder);
  if (!line) return line.error();
  return load(line.value(), environment, folder);
}

std::string problem_of(const std::vector<std::string>& words, const Environment& environment,
                       const std::string& folder) {
  auto loaded = load_words(words, environment, folder);
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().exit_code == 2);
  return loaded.error().message;
}

TEST_CASE("without any source the defaults of the contract hold") {
  TemporaryFolder folder;
  const Loaded loaded = load_words({}, {}, folder.path()).value();
  const ServerSettings& server = loaded.settings.server;
  REQUIRE(server.listen.size() == 1);
  CHECK(server.listen[0].text() == "127.0.0.1:8000");
  CHECK(server.root == folder.path());
  CHECK(server.workers >= 1);
  CHECK(server.gateways >= 1);
  CHECK(server.workers_max == server.workers);
  CHECK(server.max_body_size == 16ULL << 20);
  CHECK(server.request_timeout == 60 * kSecond);
  CHECK(server.spool_dir == "/tmp");
  CHECK_FALSE(loaded.settings.worker_mode());
  CHECK(loaded.settings.config_file.empty());
  CHECK(loaded.origin("server.listen").place == "default");
  CHECK(loaded.origin("server.workers").note == ", auto");
}

TEST_CASE("the root is ./public when there is one") {
  TemporaryFolder folder;
  folder.write("public/index.php", "<?php");
  CHECK(load_words({}, {}, folder.path()).value().settings.server.root == folder.path() + "/public");
}

TEST_CASE("flags win over the environment, which wins over askr.toml, which wins over defaults") {
  TemporaryFolder folder;
  folder.write("askr.toml", "[server]\nworkers = 2\nqueue_size = 20\nmax_headers = 30\n");
  const Environment environment{{"ASKR_SERVER_WORKERS", "3"}, {"ASKR_SERVER_QUEUE_SIZE", "21"}};
  const Loaded loaded = load_words({"--workers", "4"}, environment, folder.path()).value();
  CHECK(loaded.settings.server.workers == 4);
  CHECK(loaded.settings.server.queue_size == 21);
  CHECK(loaded.settings.server.max_headers == 30);
  CHECK(loaded.origin("server.workers").place == "--workers");
  CHECK(loaded.origin("server.queue_size").place == "ASKR_SERVER_QUEUE_SIZE");
  CHECK(loaded.origin("server.max_headers").place == "askr.toml:4");
  CHECK(loaded.settings.config_file == folder.path() + "/askr.toml");
}

TEST_CASE("--config names another file, whose relative paths start at its own folder") {
  TemporaryFolder folder;
  folder.write("etc/shop.toml", "[server]\nroot = \"../www\"\nlisten = \"unix:shop.sock\"\naccess_log = \"-\"\n");
  const Loaded loaded = load_words({"--config=etc/shop.toml", "--spool-dir", "./spool"}, {}, folder.path()).value();
  CHECK(loaded.settings.server.root == folder.path() + "/etc/../www");
  CHECK(loaded.settings.server.listen[0].unix_path == folder.path() + "/etc/shop.sock");
  CHECK(loaded.settings.server.access_log == "-");
  CHECK(loaded.settings.server.spool_dir == folder.path() + "/spool");
}

TEST_CASE("lists come from repeated flags, arrays, strings and the environment") {
  TemporaryFolder folder;
  folder.write("askr.toml", "[worker]\nini = [\"a=1,2\", \"b=2\"]\n");
  const Loaded loaded = load_words({"--listen", "127.0.0.1:1", "--listen", "[::1]:2"},
                                   {{"ASKR_SERVER_TRUSTED_PROXIES", "10.0.0.0/8, unix"}}, folder.path())
                            .value();
  CHECK(loaded.settings.worker.ini == std::vector<std::string>{"a=1,2", "b=2"});
  CHECK(loaded.settings.server.listen.size() == 2);
  CHECK(loaded.settings.server.trusted_proxies == std::vector<std::string>{"10.0.0.0/8", "unix"});
}

TEST_CASE("a line for php.ini sets something, or is a comment or a section") {
  TemporaryFolder folder;
  folder.write("askr.toml", "[worker]\nini = [\"memory_limit = 1M\", \"; a comment\", \"[a section]\", \"\"]\n");
  CHECK(load_words({}, {}, folder.path()));
  for (const char* line : {"memory_limit", "=5", "a=1\\nb=2"}) {
    folder.write("askr.toml", "[worker]\nini = [\"a=1\", \"" + std::string(line) + "\"]\n");
    CHECK(problem_of({}, {}, folder.path()) ==
          "askr.toml:2: worker.ini: expected one line of the form name=value, got \"" + std::string(line) + "\"");
  }
}

TEST_CASE("an empty path is a mistake where there has to be one, and none elsewhere") {
  TemporaryFolder folder;
  CHECK(problem_of({"--root", ""}, {}, folder.path()) == "--root: expected a path, got \"\"");
  CHECK(problem_of({"--control="}, {}, folder.path()) == "--control: expected a path, got \"\"");
  CHECK(problem_of({}, {{"ASKR_SERVER_SPOOL_DIR", ""}}, folder.path()) ==
        "ASKR_SERVER_SPOOL_DIR: expected a path, got \"\"");
  folder.write("askr.toml", "[plugins]\ndir = [\"\"]\n");
  CHECK(problem_of({}, {}, folder.path()) == "askr.toml:2: plugins.dir: expected a path, got \"\"");

  folder.write("askr.toml", "[server]\naccess_log = \"a.log\"\nerror_log = \"\"\n[worker]\nscript = \"a.php\"\n");
  const Loaded loaded = load_words({"--worker-script", ""}, {{"ASKR_SERVER_ACCESS_LOG", ""}}, folder.path()).value();
  CHECK(loaded.settings.server.access_log.empty());
  CHECK_FALSE(loaded.settings.worker_mode());
}

TEST_CASE("mistakes in askr.toml name file, line and key, one line each") {
  TemporaryFolder folder;
  folder.write("askr.toml",
               "[server]\nworkers = \"many\"\nmax_head_size = \"64K\"\nlisten = 8000\nroot = 5\nrequest_timeout = 0\n"
               "workers_min = 0\n");
  const std::string problems = problem_of({}, {}, folder.path());
  CHECK(problems.find("askr.toml:4: server.listen: expected a list of strings, got 8000") != std::string::npos);
  CHECK(problems.find("askr.toml:5: server.root: expected a string, got 5") != std::string::npos);
  CHECK(problems.find("askr.toml:2: server.workers: expected a number or \"auto\"") != std::string::npos);

  folder.write("askr.toml", "[server]\nworkers = \"many\"\nmax_head_size = \"64K\"\nrequest_timeout = 0\n");
  CHECK(problem_of({}, {}, folder.path())
            .find("askr.toml:2: server.workers: expected a number or \"auto\", got \"many\"") != std::string::npos);
  CHECK(problem_of({}, {}, folder.path()).find("askr.toml:3: server.max_head_size: expected 1K to 48K, got \"64K\"") !=
        std::string::npos);
  CHECK(problem_of({}, {}, folder.path()).find("askr.toml:4: server.request_timeout: expected 10ms to 24h") !=
        std::string::npos);
}

TEST_CASE("unknown keys and sections get the nearest known name") {
  TemporaryFolder folder;
  folder.write("askr.toml", "lissten = 1\n[server]\nwrkers = 2\nini = []\n[sever]\nroot = \"/\"\n");
  CHECK(problem_of({}, {}, folder.path()) ==
        "askr.toml:1: lissten: unknown key\n"
        "askr.toml:3: server.wrkers: unknown key, did you mean server.workers?\n"
        "askr.toml:4: server.ini: unknown key, did you mean worker.ini?\n"
        "askr.toml:5: sever: unknown section, did you mean server?");
}

TEST_CASE("unknown names do not hide wrong values, in the file or in the environment") {
  TemporaryFolder folder;
  folder.write("askr.toml", "[server]\nwrkers = 2\nqueue_size = 0\n");
  CHECK(problem_of({}, {{"ASKR_SERVER_LISTN", "x"}, {"ASKR_SERVER_WORKERS", "many"}}, folder.path()) ==
        "askr.toml:2: server.wrkers: unknown key, did you mean server.workers?\n"
        "askr.toml:3: server.queue_size: expected 1 to 65536, got \"0\"\n"
        "ASKR_SERVER_LISTN: unknown setting, did you mean ASKR_SERVER_LISTEN?\n"
        "ASKR_SERVER_WORKERS: expected a number or \"auto\", got \"many\"");
}

TEST_CASE("unknown flags and variables get the nearest known name") {
  TemporaryFolder folder;
  CHECK(problem_of({"--wokers", "4"}, {}, folder.path()) == "--wokers: unknown flag, did you mean --workers?");
  const auto warned = load_words({}, {{"ASKR_SERVER_LISTN", "x"}}, folder.path());
  REQUIRE(warned);
  CHECK(warned.value().warnings ==
        std::vector<std::string>{"ASKR_SERVER_LISTN: unknown setting, did you mean ASKR_SERVER_LISTEN?"});
}

TEST_CASE("variables that are for scripts are nobody's mistake") {
  TemporaryFolder folder;
  const auto loaded = load_words({},
                                 {{"ASKR_APP_BASE", "/app"},
                                  {"ASKR_ADMIN_TOKEN", "x"},
                                  {"ASKR_QUEUE", "default"},
                                  {"ASKR_QUEUE_CONNECTION", "redis"},
                                  {"ASKR_SCHEDULER_INTERVAL", "60"},
                                  {"ASKR_SCHEDULER_TICKS", "1"},
                                  {"ASKR_CACHE_DB", "/tmp/cache.db"}},
                                 folder.path());
  REQUIRE(loaded);
  CHECK(loaded.value().warnings.empty());
}

TEST_CASE("a canary may be true or false") {
  TemporaryFolder folder;
  const auto canary = [&](const std::string& value) {
    folder.write("askr.toml", "[reload]\ncanary = " + value + "\n");
    return load_words({}, {}, folder.path()).value().settings.reload.canary;
  };
  CHECK(canary("true") == 30 * askr::kSecond);
  CHECK(canary("false") == 0);
  CHECK(canary("\"true\"") == 30 * askr::kSecond);
  CHECK(canary("1") == askr::kSecond);
  CHECK(load_words({"--canary=off"}, {}, folder.path()).value().settings.reload.canary == 0);
  CHECK(load_words({"--canary=true"}, {}, folder.path()).value().settings.reload.canary == 30 * askr::kSecond);
}

TEST_CASE("settings of features that are not built are refused as such") {
  TemporaryFolder folder;
  CHECK(problem_of({"--admin=127.0.0.1:9000"}, {}, folder.path()) == "--admin: not part of this build");
  CHECK(problem_of({}, {{"ASKR_CACHE_SLOTS", "9"}}, folder.path()) == "ASKR_CACHE_SLOTS: not part of this build");
  folder.write("askr.toml", "[tls]\ncert = \"a\"\n[record]\ndir = \"r\"\n");
  CHECK(problem_of({}, {}, folder.path()) ==
        "askr.toml:1: tls: not part of this build\naskr.toml:3: record: not part of this build");
}

TEST_CASE("modes that make no sense together are told") {
  TemporaryFolder folder;
  CHECK(problem_of({"--cow"}, {}, folder.path()) == "--cow: needs a worker script (worker.script) to boot");
  CHECK(problem_of({"--preload-script=a.php"}, {}, folder.path())
            .starts_with("--preload-script: needs worker.isolation"));
  CHECK(problem_of({"--preload-script=a.php", "--isolation=request", "--worker-script=w.php"}, {}, folder.path())
            .starts_with("--preload-script: is for per-request mode"));
  CHECK(problem_of({"--isolation=always"}, {}, folder.path()) ==
        "--isolation: expected none, request, rewind, got \"always\"");
  CHECK(load_words({"--isolation=request", "--preload-script=a.php"}, {}, folder.path()));
  CHECK(problem_of({"--paranoid"}, {}, folder.path()).starts_with("--paranoid: has nothing to look for: without"));
  CHECK(problem_of({"--paranoid", "--worker-script=w.php", "--isolation=request"}, {}, folder.path())
            .starts_with("--paranoid: has nothing to look for: with worker.isolation"));
  CHECK(load_words({"--paranoid", "--worker-script=w.php", "--cow"}, {}, folder.path()));
  folder.write("askr.toml", "[worker]\nscript = \"w.php\"\ncow = true\n");
  const auto loaded = load_words({}, {}, folder.path());
  REQUIRE(loaded);
  CHECK(loaded.value().settings.boots_in_template());
}

TEST_CASE("isolated workers are four per core, because each waits for one request only") {
  TemporaryFolder folder;
  const auto plain = load_words({}, {}, folder.path());
  const auto isolated = load_words({"--isolation=request"}, {}, folder.path());
  CHECK(isolated.value().settings.server.workers == 4 * plain.value().settings.server.workers);
}

TEST_CASE("a broken askr.toml is one line that names the line") {
  TemporaryFolder folder;
  for (const char* text : {"[server]\nworkers = \n", "[server]\nroot = \"open\n", "[server\n", "[server]\n\x01\n",
                           "[server]\nworkers = 1\nworkers = 2\n"}) {
    CAPTURE(text);
    folder.write("askr.toml", text);
    const std::string problem = problem_of({}, {}, folder.path());
    CHECK(problem.starts_with("askr.toml:"));
    CHECK(problem.find("not valid TOML") != std::string::npos);
    CHECK(problem.find('\n') == std::string::npos);
  }
  folder.write("askr.toml", "[server]\nroot = 'a\x92'\n");
  CHECK(problem_of({}, {}, folder.path()) == "askr.toml:2: not UTF-8");
  folder.write("askr.toml", "[server]\nlisten = " + std::string(100000, '['));
  CHECK(problem_of({}, {}, folder.path()) == "askr.toml: nested too deep");
}

TEST_CASE("a missing --config file is an error, a missing ./askr.toml is not") {
  TemporaryFolder folder;
  CHECK(problem_of({"--config", "none.toml"}, {}, folder.path()) == "cannot read none.toml: No such file or directory");
  CHECK(problem_of({"--config", "."}, {}, folder.path()) == "cannot read .: is a directory");
  CHECK(problem_of({"--config"}, {}, folder.path()) == "--config: a value is missing");
}

TEST_CASE("a number of workers that was not given is within the limits that were") {
  TemporaryFolder folder;
  const auto workers = [&](const std::vector<std::string>& words) {
    return load_words(words, {}, folder.path()).value().settings.server;
  };
  const unsigned cores = available_cores();
  CHECK(workers({"--workers-min=2", "--workers-max=300"}).workers == std::max(2U, cores));
  CHECK(workers({"--workers-min=300", "--workers-max=400"}).workers == 300);
  CHECK(workers({"--workers-min=300"}).workers_max == 300);
  CHECK(workers({"--workers-max=1"}).workers == 1);
  CHECK(workers({"--workers-max=1"}).workers_min == 1);
}

TEST_CASE("settings that contradict each other are refused") {
  TemporaryFolder folder;
  CHECK(problem_of({"--workers=2", "--workers-min=3"}, {}, folder.path()) ==
        "--workers-min: 3 is more than the 2 workers");
  CHECK(problem_of({"--workers=2", "--workers-max=1"}, {}, folder.path()) ==
        "--workers-max: 1 is less than the 2 workers");
  CHECK(problem_of({"--workers-min=4", "--workers-max=3"}, {}, folder.path()) ==
        "--workers-min: 4 is more than server.workers_max, 3");
  CHECK(problem_of({"--listen=a:1", "--listen=a:1"}, {}, folder.path()) == "--listen: a:1 is given twice");
  CHECK(problem_of({"--front=../x.php"}, {}, folder.path()).starts_with("--front: expected a path below the root"));
  CHECK(problem_of({"--listen=unix:/" + std::string(120, 'a')}, {}, folder.path()).starts_with("--listen: the path"));
}

TEST_CASE("what a setting names has to exist") {
  TemporaryFolder folder;
  const auto problem = [&](const std::vector<std::string>& words) {
    auto checked = check_files(load_words(words, {}, folder.path()).value());
    REQUIRE_FALSE(checked);
    CHECK(checked.error().exit_code == 2);
    return checked.error().message;
  };
  CHECK(problem({}) == "no index.php in " + folder.path() + ": name the document root with --root DIR");
  CHECK(problem({"--root=none"}) == "--root: " + folder.path() + "/none: No such file or directory");
  CHECK(problem({"--root=."}).ends_with("has neither index.php nor another file to serve"));
  folder.write("www/hello.php", "<?php");
  CHECK(check_files(load_words({"--root=www"}, {}, folder.path()).value()));
  CHECK(problem({"--root=www", "--front=app.php"}) ==
        "--front: " + folder.path() + "/www/app.php: No such file or directory");
  CHECK(problem({"--root=www", "--worker-script=w.php"}) ==
        "--worker-script: " + folder.path() + "/w.php: No such file or directory");
  CHECK(problem({"--root=www", "--spool-dir=www/hello.php"}).ends_with("is not a folder"));
  CHECK(problem({"--root=www", "--access-log=logs/a.log"}) ==
        "--access-log: " + folder.path() + "/logs/a.log: No such file or directory");
  CHECK(problem({"--root=www", "--error-log=www"}).ends_with("/www is a folder"));
  CHECK(problem({"--root=www", "--control=none/run/a.sock"}) ==
        "--control: " + folder.path() + "/none: No such file or directory");
  CHECK(problem({"--root=www", "--control=www/hello.php"}).ends_with("/www/hello.php is there and is no socket"));
  CHECK(check_files(load_words({"--root=www", "--control=run/a.sock"}, {}, folder.path()).value()));
  CHECK(check_files(load_words({"--root=www", "--access-log=a.log", "--error-log=-"}, {}, folder.path()).value()));
}

TEST_CASE("the effective settings parse back to themselves") {
  TemporaryFolder folder;
  const Loaded first = load_words({"--listen=unix:/tmp/a\"b.sock", "--workers=3", "--ini=a=\"x\ty\"",
                                   "--queue-timeout=1500ms", "--plugin=one", "--plugin=two", "--access-log=-"},
                                  {}, folder.path())
                           .value();
  const std::string text = effective_toml(first);
  CHECK(text.find("server.workers = 3 ") != std::string::npos);
  CHECK(text.find("# --workers") != std::string::npos);
  folder.write("again.toml", text);
  Loaded second = load_words({"--config=again.toml"}, {}, folder.path()).value();
  Settings again = second.settings, once = first.settings;
  for (const Option& option : options()) {
    CAPTURE(option.path);
    CHECK(format_field(option, again) == format_field(option, once));
  }
}

}  // namespace
