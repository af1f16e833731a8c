// `askr test`: what is on its command line becomes a testing::TestOptions.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include <fmt/core.h>

#include "base/clock.hpp"
#include "cli/command.hpp"
#include "config/environment.hpp"
#include "config/machine.hpp"
#include "config/nearest.hpp"
#include "config/quote.hpp"
#include "config/values.hpp"
#include "config/word_reader.hpp"
#include "testing/isolation_report.hpp"
#include "testing/run.hpp"
#include "testing/runner_script.hpp"

namespace askr::cli {
namespace {

namespace fs = std::filesystem;
using testing::TestOptions;

// Flags of the runner, which it gets as they are.
constexpr std::string_view kPassedOn[] = {
    "--filter",     "--exclude-filter", "--group",         "--exclude-group", "--testsuite", "--exclude-testsuite",
    "--order-by",   "--bootstrap",      "--configuration", "--covers",        "--uses",      "--random-order-seed",
    "--test-suffix"};
constexpr std::string_view kPassedOnPlain[] = {"--fail-on-risky",      "--fail-on-warning",      "--fail-on-skipped",
                                               "--fail-on-incomplete", "--fail-on-deprecation",  "--fail-on-notice",
                                               "--strict-coverage",    "--disallow-test-output", "--no-configuration",
                                               "--process-isolation",  "--no-extensions"};
constexpr std::string_view kOwn[] = {"--root",
                                     "--runner",
                                     "--parallel",
                                     "--timeout",
                                     "--retry",
                                     "--repeat",
                                     "--failed",
                                     "--shard",
                                     "--seed",
                                     "--junit",
                                     "--teamcity",
                                     "--json",
                                     "--testdox",
                                     "--cache",
                                     "--ini",
                                     "--stop-on-failure",
                                     "--isolation-report",
                                     "--log-junit",
                                     "--help"};

bool is_one_of(std::span<const std::string_view> list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

Result<unsigned> count_of(const std::string& flag, const std::string& text, unsigned least, unsigned most) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return usage_error(fmt::format("{}: {} is no number from {} to {}", flag, config::quote(text), least, most));
  }
  return number;
}

Result<testing::Shard> shard_of(const std::string& text) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos)
    return usage_error("--shard: expected two numbers as in 2/5, not " + config::quote(text));
  testing::Shard shard;
  shard.of = ASKR_TRY(count_of("--shard", text.substr(slash + 1), 1, 10'000));
  shard.index = ASKR_TRY(count_of("--shard", text.substr(0, slash), 1, shard.of));
  return shard;
}

std::string absolute(const std::string& path) {
  std::error_code failed;
  const fs::path found = fs::weakly_canonical(fs::absolute(path, failed), failed);
  return failed ? path : found.string();
}

std::string default_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
    return std::string(cache) + "/askr/test";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return std::string(home) + "/.cache/askr/test";
  return fmt::format("/tmp/askr-test-{}", ::geteuid());
}

Result<int64_t> time_of(const std::string& text) {
  const auto time = config::parse_duration(text);
  if (!time || time.value() < kMillisecond) {
    return usage_error("--timeout: " + config::quote(text) + " is no time as 500ms, 30s or 2m");
  }
  return time.value();
}

struct Asked {
  TestOptions options;
  std::optional<std::string> runner;
  bool isolation_report = false;
};

Result<> read_flag(const std::string& word, config::WordReader& words, Asked& asked) {
  TestOptions& options = asked.options;
  const auto value = [&] { return words.take_value(word); };
  if (word == "--root") {
    options.root = absolute(ASKR_TRY(value()));
  } else if (word == "--runner") {
    asked.runner = ASKR_TRY(value());
  } else if (word == "--parallel") {
    options.parallel = ASKR_TRY(count_of(word, ASKR_TRY(value()), 1, 256));
  } else if (word == "--timeout") {
    options.timeout = ASKR_TRY(time_of(ASKR_TRY(value())));
  } else if (word == "--retry") {
    options.retry = ASKR_TRY(count_of(word, ASKR_TRY(value()), 0, 100));
  } else if (word == "--repeat") {
    options.repeat = ASKR_TRY(count_of(word, ASKR_TRY(value()), 1, 1'000'000));
  } else if (word == "--shard") {
    options.shard = ASKR_TRY(shard_of(ASKR_TRY(value())));
  } else if (word == "--seed") {
    const unsigned seed = ASKR_TRY(count_of(word, ASKR_TRY(value()), 0, 2'000'000'000));
    options.split = false;
    options.runner_arguments.insert(options.runner_arguments.end(),
                                    {"--order-by=random", "--random-order-seed=" + std::to_string(seed)});
  } else if (word == "--junit" || word == "--log-junit") {
    options.junit = absolute(ASKR_TRY(value()));
  } else if (word == "--cache") {
    options.cache = absolute(ASKR_TRY(value()));
  } else if (word == "--ini") {
    options.ini.push_back(ASKR_TRY(value()));
  } else if (is_one_of(kPassedOn, word)) {
    if (word == "--order-by") options.split = false;
    options.runner_arguments.push_back(word + "=" + ASKR_TRY(value()));
  } else if (word.starts_with("--coverage-")) {
    return usage_error(word + ": coverage is not merged over processes; run vendor/bin/phpunit for it");
  } else {
    std::vector<std::string> known(std::begin(kOwn), std::end(kOwn));
    known.insert(known.end(), std::begin(kPassedOn), std::end(kPassedOn));
    return usage_error(word + ": unknown flag" + config::suggestion(word, known));
  }
  return ok();
}

bool read_switch(const std::string& word, Asked& asked) {
  TestOptions& options = asked.options;
  if (word == "--failed") {
    options.only_failed = true;
  } else if (word == "--stop-on-failure") {
    options.stop_on_failure = true;
  } else if (word == "--isolation-report") {
    asked.isolation_report = true;
  } else if (word == "--teamcity") {
    options.form = testing::Form::teamcity;
  } else if (word == "--json") {
    options.form = testing::Form::json;
  } else if (word == "--testdox") {
    options.form = testing::Form::testdox;
  } else if (is_one_of(kPassedOnPlain, word)) {
    options.runner_arguments.push_back(word);
  } else {
    return false;
  }
  return true;
}

Result<Asked> read_words(const std::vector<std::string>& given) {
  Asked asked;
  asked.options.root = absolute(".");
  config::WordReader words(given);
  while (!words.done()) {
    const std::string word = words.take();
    if (word == "--") {
      for (const std::string& path : words.take_rest()) asked.options.paths.push_back(path);
    } else if (!word.starts_with("-") || word == "-") {
      asked.options.paths.push_back(word);
    } else if (words.has_attached() || !read_switch(word, asked)) {
      if (words.has_attached() && read_switch(word, asked)) return usage_error(word + ": takes no value");
      ASKR_TRY(read_flag(word, words, asked));
    }
  }
  return asked;
}

// As written, from the working folder; else from the project.
Result<std::string> find_path(const std::string& path, const std::string& root) {
  std::error_code failed;
  if (fs::exists(path, failed)) return absolute(path);
  if (fs::exists(fs::path(root) / path, failed)) return absolute(root + "/" + path);
  return usage_error("no such file or folder: " + path);
}

Result<> complete(Asked& asked) {
  TestOptions& options = asked.options;
  std::error_code failed;
  if (!fs::is_directory(options.root, failed)) return usage_error("--root: no such folder: " + options.root);
  for (std::string& path : options.paths) path = ASKR_TRY(find_path(path, options.root));
  if (options.parallel == 0) options.parallel = std::max(1U, config::available_cores());
  if (options.cache.empty()) options.cache = default_cache();
  if (asked.runner) {
    options.runner = ASKR_TRY(find_path(*asked.runner, options.root));
    return ok();
  }
  const bool composer = fs::exists(options.root + "/composer.json", failed) ||
                        fs::exists(options.root + "/phpunit.xml", failed) ||
                        fs::exists(options.root + "/phpunit.xml.dist", failed);
  if (fs::exists(options.root + "/vendor/phpunit/phpunit", failed)) {
    options.runner = ASKR_TRY(testing::write_runner_script(options.cache));
  } else if (composer) {
    return usage_error(options.root + " has no vendor/phpunit: run `composer install` there, or name a --runner");
  }
  return ok();
}

}  // namespace

Result<int> run_test(const std::vector<std::string>& words) {
  Asked asked = ASKR_TRY(read_words(words));
  ASKR_TRY(complete(asked));
  config::hide_secrets();
  if (asked.isolation_report) return testing::report_isolation(asked.options);
  return testing::run_tests(asked.options);
}

}  // namespace askr::cli
