// PHP is started in a child: it may crash, it may print, and this process stays without it.
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "base/join.hpp"
#include "base/json_text.hpp"
#include "cli/doctor.hpp"
#include "php/ini_files.hpp"
#include "php/ini_value.hpp"
#include "php/runtime.hpp"
#include "php/syntax_check.hpp"

namespace askr::cli {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PhpFacts, error, version, ini_file, opcache_installed, opcache_enabled, jit_enabled,
                                   extensions, warnings, unread_ini, opcache_memory, opcache_files, opcache_strings,
                                   opcache_timestamps, realpath_cache, display_errors, script_error)

namespace {

constexpr unsigned kStartSeconds = 30;

php::RuntimeOptions runtime_options(const config::Settings& settings) {
  php::RuntimeOptions options;
  options.root = settings.server.root;
  options.worker_script = settings.worker.script;
  options.app_base = settings.worker.app_base;
  options.ini = settings.worker.ini;
  options.max_body_size = settings.server.body_limit();
  options.upload_dir = settings.server.spool_dir;
  options.front = settings.server.front;
  return options;
}

PhpFacts facts_of(const config::Settings& settings) {
  PhpFacts facts;
  auto started = php::start_runtime(runtime_options(settings));
  if (!started) {
    facts.error = started.error().message;
    return facts;
  }
  const php::RuntimeFacts& runtime = started.value();
  facts.version = runtime.php_version;
  facts.ini_file = runtime.ini_file;
  facts.opcache_installed = runtime.opcache_installed;
  facts.opcache_enabled = runtime.opcache_enabled;
  facts.jit_enabled = runtime.jit_enabled;
  facts.extensions = runtime.extensions;
  facts.warnings = runtime.warnings;
  facts.unread_ini = php::unread_ini_files();
  facts.opcache_memory = php::ini_value("opcache.memory_consumption");
  facts.opcache_files = php::ini_value("opcache.max_accelerated_files");
  facts.opcache_strings = php::ini_value("opcache.interned_strings_buffer");
  facts.opcache_timestamps = php::ini_value("opcache.validate_timestamps");
  facts.realpath_cache = php::ini_value("realpath_cache_size");
  facts.display_errors = php::ini_value("display_errors");
  const std::string& script = settings.worker.script;
  if (::access(script.c_str(), R_OK) == 0) facts.script_error = php::syntax_error_of(script);
  return facts;
}

[[noreturn]] void tell_facts(const config::Settings& settings, int pipe) {
  ::alarm(kStartSeconds);
  const nlohmann::json facts = facts_of(settings);
  const std::string text = json_text(facts);
  const bool written = ::write(pipe, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::_exit(written ? 0 : 1);
}

std::string read_all(int pipe) {
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(pipe, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(got));
  return text;
}

PhpFacts not_started(std::string error) {
  PhpFacts facts;
  facts.error = std::move(error);
  return facts;
}

std::string how_it_ended(int status) {
  if (!WIFSIGNALED(status)) return fmt::format("the process ended with code {}", WEXITSTATUS(status));
  if (WTERMSIG(status) == SIGALRM) return fmt::format("no answer for {} s", kStartSeconds);
  return fmt::format("killed by signal {}, probably by an extension", WTERMSIG(status));
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

long to_number(const std::string& text) {
  return std::strtol(text.c_str(), nullptr, 10);
}

void examine_opcache(const PhpFacts& facts, Findings& findings) {
  if (!facts.opcache_installed && !facts.unread_ini.empty()) {
    findings.push_back({Grade::warn, "opcache is not loaded, every request compiles its scripts",
                        "its line is probably in what PHP may not read"});
    return;
  }
  if (!facts.opcache_installed) {
    findings.push_back(
        {Grade::warn, "opcache is not installed, every request compiles its scripts", "apt install php-opcache"});
    return;
  }
  if (!facts.opcache_enabled) {
    findings.push_back({Grade::warn, "opcache is off, every request compiles its scripts", "set opcache.enable=1"});
    return;
  }
  findings.push_back({Grade::ok, fmt::format("opcache is on, JIT is {}", facts.jit_enabled ? "on" : "off")});
  const auto want = [&](const std::string& value, std::string_view name, long least) {
    if (!value.empty() && to_number(value) < least) {
      findings.push_back({Grade::warn, fmt::format("{}={} is little for a framework", name, value),
                          fmt::format("set it to {}", least)});
    }
  };
  want(facts.opcache_memory, "opcache.memory_consumption", 128);
  want(facts.opcache_files, "opcache.max_accelerated_files", 10000);
  want(facts.opcache_strings, "opcache.interned_strings_buffer", 8);
  if (facts.opcache_timestamps == "1") {
    findings.push_back({Grade::warn, "opcache looks for changed files again and again",
                        "in production set opcache.validate_timestamps=0 and run askr reload after a deployment"});
  }
}

}  // namespace

PhpFacts start_php_once(const config::Settings& settings, const Account* account) {
  int ends[2];
  if (::pipe(ends) != 0) return not_started(system_error("cannot make a pipe").message);
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return not_started(system_error("cannot fork").message);
  if (child == 0) {
    become(account);
    tell_facts(settings, write_end.get());
  }
  write_end.reset();
  const std::string text = read_all(read_end.get());
  int status = 0;
  ::waitpid(child, &status, 0);
  const nlohmann::json facts = nlohmann::json::parse(text, nullptr, false);
  return facts.is_object() ? facts.get<PhpFacts>() : not_started(how_it_ended(status));
}

Findings examine_php(const PhpFacts& facts) {
  Findings findings;
  if (!facts.error.empty()) {
    findings.push_back({Grade::fail, "PHP does not start: " + facts.error, "correct php.ini or remove the extension"});
    return findings;
  }
  const std::string ini = facts.ini_file.empty() ? "no php.ini" : facts.ini_file;
  findings.push_back({Grade::ok, fmt::format("PHP {} with {}", facts.version, ini)});
  examine_opcache(facts, findings);
  findings.push_back(
      {Grade::ok, fmt::format("{} extensions: {}", facts.extensions.size(), join(facts.extensions, " "))});
  if (has(facts.extensions, "xdebug")) {
    findings.push_back({Grade::warn, "xdebug is loaded and slows every call down", "phpdismod xdebug"});
  }
  if (facts.display_errors == "1" || facts.display_errors == "On") {
    findings.push_back({Grade::warn, "display_errors shows errors to clients", "set display_errors=0"});
  }
  for (const std::string& warning : facts.warnings) findings.push_back({Grade::warn, warning});
  return findings;
}

}  // namespace askr::cli
