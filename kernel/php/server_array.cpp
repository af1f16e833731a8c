#include "php/server_array.hpp"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "php/state.hpp"

namespace askr::php {
namespace {

constexpr uint32_t kPlaces = static_cast<uint32_t>(ServerName::first_optional);
// Of the fields of a request, and what PHP adds: without making the array larger.
constexpr uint32_t kRoom = 24;

// What CGI and PHP have beside ServerName.
constexpr std::string_view kOfOthers[] = {
    "AUTH_TYPE",        "FCGI_ROLE",     "ORIG_PATH_INFO", "ORIG_PATH_TRANSLATED", "ORIG_SCRIPT_FILENAME",
    "ORIG_SCRIPT_NAME", "PHP_AUTH_USER", "PHP_AUTH_PW",    "PHP_AUTH_DIGEST",      "REMOTE_HOST",
    "REMOTE_IDENT",     "REQUEST_TIME",  "argc",           "REQUEST_TIME_FLOAT",   "argv",
};

// For PHP's start, not for scripts.
constexpr std::string_view kOfStart[] = {"PHPRC", "PHP_INI_SCAN_DIR", "USE_ZEND_ALLOC_HUGE_PAGES"};

zend_array* base = nullptr;

bool is_server_name(std::string_view name) {
  for (size_t i = 0; i < static_cast<size_t>(ServerName::count); ++i) {
    if (zend_string_equals_cstr(server_name(static_cast<ServerName>(i)), name.data(), name.size())) return true;
  }
  return false;
}

// As PHP's own import, which leaves out what would not be a name of a variable.
bool is_plain_name(std::string_view name) {
  zend_ulong number = 0;
  return !name.empty() && name.find_first_of(" .[") == std::string_view::npos &&
         !ZEND_HANDLE_NUMERIC_STR(name.data(), name.size(), number);
}

template <size_t N>
bool contains(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool may_be_in_server(std::string_view name) {
  return is_plain_name(name) && !comes_with_request(name) && !contains(kOfOthers, name) && !contains(kOfStart, name);
}

zval permanent_text(std::string_view text) {
  zval value;
  ZVAL_INTERNED_STR(&value, zend_string_init_interned(text.data(), text.size(), true));
  return value;
}

void set_constant(ServerName name, std::string_view text) {
  zval value = permanent_text(text);
  zend_hash_update(base, server_name(name), &value);
}

void add_environment() {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || !may_be_in_server(text.substr(0, equals))) continue;
    const zval key = permanent_text(text.substr(0, equals));
    zval value = permanent_text(text.substr(equals + 1));
    zend_hash_update(base, Z_STR(key), &value);
  }
}

uint32_t count_environment() {
  uint32_t count = 0;
  while (environ[count] != nullptr) ++count;
  return count;
}

}  // namespace

void prepare_server_array() {
  base = static_cast<zend_array*>(pemalloc(sizeof(zend_array), true));
  zend_hash_init(base, kPlaces + count_environment() + kRoom, nullptr, nullptr, true);
  zend_hash_real_init_mixed(base);
  for (uint32_t place = 0; place < kPlaces; ++place) {
    zval nothing;
    ZVAL_NULL(&nothing);
    zend_hash_add_new(base, server_name(static_cast<ServerName>(place)), &nothing);
  }
  set_constant(ServerName::document_root, state.options.root);
  set_constant(ServerName::gateway_interface, "CGI/1.1");
  set_constant(ServerName::redirect_status, "200");
  set_constant(ServerName::server_software, "askr/" ASKR_VERSION);
  add_environment();
  GC_SET_REFCOUNT(base, 2);
  GC_ADD_FLAGS(base, GC_IMMUTABLE);
}

zend_array* begin_server_array() {
  return zend_array_dup(base);
}

zval* server_place(zend_array* server, ServerName name) {
  return &server->arData[static_cast<uint32_t>(name)].val;
}

bool comes_with_request(std::string_view name) {
  return name.starts_with("HTTP_") || is_server_name(name);
}

}  // namespace askr::php
