// The kernel does not tell who has opened a descriptor, and libraries that PHP loads find the C library's functions
// before any of ours. So after each call of a function that may have opened something, as long as the application
// boots, the descriptors are looked at: new ones are its own.
#include "php/openers.hpp"

#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "php/internal_function.hpp"
#include "php/open_files.hpp"
#include "php/state.hpp"
#include "php/zend.hpp"

#include <fmt/core.h>

namespace askr::php {
namespace {

// Methods with their classes in small letters, as PHP keeps them.
constexpr std::array<std::string_view, 54> kNames{"curl_exec",
                                                  "curl_multi_exec",
                                                  "dba_open",
                                                  "dba_popen",
                                                  "fopen",
                                                  "fsockopen",
                                                  "ftp_connect",
                                                  "ftp_login",
                                                  "ftp_ssl_connect",
                                                  "gzopen",
                                                  "imap_open",
                                                  "inotify_init",
                                                  "ldap_bind",
                                                  "ldap_search",
                                                  "mysqli_connect",
                                                  "mysqli_real_connect",
                                                  "odbc_connect",
                                                  "opendir",
                                                  "openlog",
                                                  "pfsockopen",
                                                  "pg_connect",
                                                  "pg_pconnect",
                                                  "popen",
                                                  "proc_open",
                                                  "socket_accept",
                                                  "socket_connect",
                                                  "socket_create",
                                                  "socket_create_listen",
                                                  "socket_create_pair",
                                                  "stream_socket_accept",
                                                  "stream_socket_client",
                                                  "stream_socket_pair",
                                                  "stream_socket_server",
                                                  "syslog",
                                                  "tmpfile",
                                                  "memcached::get",
                                                  "memcached::set",
                                                  "memcached::getversion",
                                                  "mysqli::__construct",
                                                  "mysqli::connect",
                                                  "mysqli::real_connect",
                                                  "pdo::__construct",
                                                  "pdo::connect",
                                                  "redis::connect",
                                                  "redis::open",
                                                  "redis::pconnect",
                                                  "redis::popen",
                                                  "rediscluster::__construct",
                                                  "soapclient::__docall",
                                                  "soapclient::__construct",
                                                  "splfileobject::__construct",
                                                  "spltempfileobject::__construct",
                                                  "sqlite3::__construct",
                                                  "sqlite3::open"};
std::array<zif_handler, kNames.size()> originals{};

struct Origin {
  std::string target, opener;
};
std::map<int, Origin> origins;  // of all that is open

std::string name_of(const zend_function& function) {
  const char* type = function.common.scope != nullptr ? ZSTR_VAL(function.common.scope->name) : nullptr;
  const char* name = ZSTR_VAL(function.common.function_name);
  return type != nullptr ? fmt::format("{}::{}()", type, name) : fmt::format("{}()", name);
}

// Nothing of PHP's runs here.
[[gnu::noinline]] void note_opened(const zend_function& function) {
  std::map<int, Origin> now;
  for (auto& [fd, target] : open_files()) {
    const auto before = origins.find(fd);
    if (before != origins.end() && before->second.target == target) {
      now.insert(*before);
      continue;
    }
    std::string opener =
        fmt::format("{} in {}:{}", name_of(function), zend_get_executed_filename(), zend_get_executed_lineno());
    now.emplace(fd, Origin{std::move(target), std::move(opener)});
  }
  origins = std::move(now);
}

template <size_t Index>
void noted(INTERNAL_FUNCTION_PARAMETERS) {
  originals[Index](INTERNAL_FUNCTION_PARAM_PASSTHRU);
  if (state.booting) note_opened(*execute_data->func);
}

template <size_t... Index>
void watch(std::index_sequence<Index...> /*all*/) {
  (wrap_function(kNames[Index], noted<Index>, originals[Index]), ...);
}

}  // namespace

void watch_openers() {
  for (const auto& [fd, target] : open_files()) origins.emplace(fd, Origin{target, ""});
  watch(std::make_index_sequence<kNames.size()>{});
}

std::string opener_of(int fd, const std::string& target) {
  const auto found = origins.find(fd);
  return found != origins.end() && found->second.target == target ? found->second.opener : std::string();
}

}  // namespace askr::php
