#include "php/process_changes.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include "php/internal_function.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

constexpr std::array<std::string_view, 20> kFunctions{
    "pcntl_alarm",       "pcntl_fork",       "pcntl_rfork",       "pcntl_setcpuaffinity", "pcntl_setns",
    "pcntl_setpriority", "pcntl_signal",     "pcntl_sigprocmask", "pcntl_sigtimedwait",   "pcntl_sigwaitinfo",
    "pcntl_unshare",     "posix_initgroups", "posix_setegid",     "posix_seteuid",        "posix_setgid",
    "posix_setpgid",     "posix_setrlimit",  "posix_setsid",      "posix_setuid",         "proc_nice"};

// In small letters. None of them changes the process but through the functions above, nor closes descriptors by number.
constexpr std::string_view kKnown[] = {
    "apcu",    "askr",     "bcmath",    "bz2",        "calendar",   "core",         "ctype",     "curl",    "date",
    "dba",     "dom",      "ds",        "enchant",    "exif",       "fileinfo",     "filter",    "ftp",     "gd",
    "gettext", "gmp",      "hash",      "iconv",      "igbinary",   "imagick",      "intl",      "json",    "ldap",
    "libxml",  "lexbor",   "mbstring",  "memcached",  "msgpack",    "mysqli",       "mysqlnd",   "openssl", "pcntl",
    "pcre",    "pdo",      "pdo_mysql", "pdo_pgsql",  "pdo_sqlite", "pgsql",        "phar",      "posix",   "pspell",
    "random",  "readline", "redis",     "reflection", "session",    "shmop",        "simplexml", "soap",    "sockets",
    "sodium",  "spl",      "sqlite3",   "standard",   "sysvmsg",    "sysvsem",      "sysvshm",   "tidy",    "tokenizer",
    "uri",     "xml",      "xmlreader", "xmlwriter",  "xsl",        "zend opcache", "zip",       "zlib",
};

bool changed = false;
bool has_unknown_extension = false;

std::array<zif_handler, kFunctions.size()> originals{};

template <size_t Index>
void noted(INTERNAL_FUNCTION_PARAMETERS) {
  changed = true;
  originals[Index](INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

template <size_t... Index>
void watch(std::index_sequence<Index...> /*all*/) {
  (wrap_function(kFunctions[Index], noted<Index>, originals[Index]), ...);
}

// It calls whatever it is told to; where only preloaded files may use it, there have to be some.
bool is_harmless_ffi() {
  const std::string_view enabled = INI_STR("ffi.enable") != nullptr ? INI_STR("ffi.enable") : "";
  const std::string_view preload = INI_STR("opcache.preload") != nullptr ? INI_STR("opcache.preload") : "";
  return enabled == "preload" ? preload.empty() : !INI_BOOL("ffi.enable");
}

bool is_known(std::string_view name) {
  if (name == "ffi") return is_harmless_ffi();
  return std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown);
}

}  // namespace

void watch_process_changes() {
  watch(std::make_index_sequence<kFunctions.size()>{});
  zend_string* name = nullptr;
  ZEND_HASH_FOREACH_STR_KEY(&module_registry, name) {
    has_unknown_extension = has_unknown_extension || !is_known({ZSTR_VAL(name), ZSTR_LEN(name)});
  }
  ZEND_HASH_FOREACH_END();
}

bool process_may_have_changed() {
  return changed || has_unknown_extension;
}

}  // namespace askr::php
