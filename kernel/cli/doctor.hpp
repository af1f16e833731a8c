// `askr doctor`: what is right and what is not with PHP, the machine and the application, one line each.
//
// Every examination returns findings and changes nothing. A fail is something that will not work, a warning something
// that works worse than it could; both say what to do.
#pragma once

#include <string>
#include <vector>

#include "base/account.hpp"
#include "config/load.hpp"

namespace askr::cli {

enum class Grade { ok, warn, fail };

struct Finding {
  Grade grade;
  std::string text;
  std::string advice = {};  // what to do; not for Grade::ok
};

using Findings = std::vector<Finding>;

// What is known about PHP after it was started once, in a process of its own.
struct PhpFacts {
  std::string error;         // not empty: it did not start, nothing else is known
  std::string script_error;  // why the worker script does not compile, if there is one that does not
  std::string version, ini_file;
  bool opcache_installed = false, opcache_enabled = false, jit_enabled = false;
  std::vector<std::string> extensions, warnings;
  std::vector<std::string> unread_ini;  // php.ini files that PHP should have read, with the reason
  // php.ini settings, as numbers or text.
  std::string opcache_memory, opcache_files, opcache_strings, opcache_timestamps, realpath_cache, display_errors;
};

// `account` here and below: who the server will run as, where that is another than who looks.
PhpFacts start_php_once(const config::Settings& settings, const Account* account = nullptr);

Findings examine_php(const PhpFacts& facts);
Findings examine_machine(const config::Settings& settings, const Account* account = nullptr);
// `facts` for the extensions that the application asks for.
Findings examine_application(const config::Loaded& loaded, const PhpFacts& facts, const Account* account = nullptr);

}  // namespace askr::cli
