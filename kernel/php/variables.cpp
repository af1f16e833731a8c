// $_SERVER has what php-fpm behind nginx gives. Applications depend on the details: what is empty there is empty here,
// what is absent there is absent here.
#include "php/variables.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>

#include "php/field_name.hpp"
#include "php/input_filter.hpp"
#include "php/server_names.hpp"
#include "php/state.hpp"

namespace askr::php {
namespace {

using exchange::RequestView;

void put(HashTable* server, ServerName name, std::string_view text) {
  zval value;
  ZVAL_STRINGL_FAST(&value, text.data(), text.size());
  zend_hash_update(server, server_name(name), &value);
}

void put_number(HashTable* server, ServerName name, uint64_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number);
  put(server, name, std::string_view(digits, static_cast<size_t>(end.ptr - digits)));
}

void put_joined(HashTable* server, ServerName name, std::string_view left, std::string_view right) {
  zval value;
  ZVAL_STR(&value, zend_string_concat2(left.data(), left.size(), right.data(), right.size()));
  zend_hash_update(server, server_name(name), &value);
}

// That a body is empty is said by a client that announces it, and of every POST.
bool has_length(const RequestView& request) {
  if (request.body_size > 0 || strcmp(SG(request_info).request_method, "POST") == 0) return true;
  return std::any_of(request.fields.begin(), request.fields.end(),
                     [](const exchange::FieldView& field) { return is_same_field(field.name, "Content-Length"); });
}

void put_body_facts(HashTable* server, const RequestView& request) {
  const char* type = SG(request_info).content_type;
  put(server, ServerName::content_type, type != nullptr ? type : "");
  if (has_length(request)) {
    put_number(server, ServerName::content_length, request.body_size);
  } else {
    put(server, ServerName::content_length, "");
  }
}

// A Unix socket has none.
void put_port(HashTable* server, ServerName name, uint16_t port) {
  if (port != 0) {
    put_number(server, name, port);
  } else {
    put(server, name, "");
  }
}

void put_addresses(HashTable* server, const RequestView& request) {
  put(server, ServerName::remote_addr, request.remote_address);
  put_port(server, ServerName::remote_port, request.remote_port);
  put(server, ServerName::server_addr, request.server_address);
  put_port(server, ServerName::server_port, request.server_port);
  put(server, ServerName::server_name, request.server_name);
}

// As nginx's $remote_user: what the client says, which nobody has checked.
void put_user(HashTable* server) {
  const char* user = SG(request_info).auth_user;
  if (user != nullptr) put(server, ServerName::remote_user, user);
}

void put_script(HashTable* server, const RequestView& request) {
  put(server, ServerName::script_filename, state.worker_mode ? state.front_filename : state.script_filename);
  if (request.path_info.empty()) {
    put(server, ServerName::php_self, request.script_name);
    return;
  }
  put(server, ServerName::path_info, request.path_info);
  put_joined(server, ServerName::path_translated, state.options.root, request.path_info);
  put_joined(server, ServerName::php_self, request.script_name, request.path_info);
}

std::string text_of_environment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

void put_environment(HashTable* server) {
  static const std::string user = text_of_environment("USER");  // whatever a script makes of it later
  static const std::string home = text_of_environment("HOME");
  if (!user.empty()) put(server, ServerName::user, user);
  if (!home.empty()) put(server, ServerName::home, home);
}

// Repeated fields become one variable, joined as RFC 9110 section 5.3 has it; cookies as RFC 6265 section 5.4 has them.
// A body has one type, the one by which PHP reads it.
void append_field(zval* existing, const exchange::FieldView& field) {
  if (is_same_field(field.name, "Content-Type")) return;
  const std::string_view separator = is_same_field(field.name, "Cookie") ? "; " : ", ";
  zend_string* joined = zend_string_concat3(Z_STRVAL_P(existing), Z_STRLEN_P(existing), separator.data(),
                                            separator.size(), field.value.data(), field.value.size());
  zval_ptr_dtor_str(existing);
  ZVAL_STR(existing, joined);
}

void put_header(HashTable* server, const exchange::FieldView& field) {
  zend_string* name = header_variable(field.name);
  // The name would redirect the HTTP clients of many applications ("httpoxy").
  if (!zend_string_equals_literal(name, "HTTP_PROXY")) {
    zval* value = zend_hash_lookup(server, name);
    if (Z_TYPE_P(value) == IS_NULL) {
      ZVAL_STRINGL_FAST(value, field.value.data(), field.value.size());
    } else {
      append_field(value, field);
    }
  }
  zend_string_release(name);
}

void put_request(HashTable* server, const RequestView& request) {
  zend_hash_extend(server, static_cast<uint32_t>(32 + request.fields.size()), false);
  put(server, ServerName::query_string, request.query);
  put(server, ServerName::request_method, request.method);
  put_body_facts(server, request);
  put(server, ServerName::script_name, request.script_name);
  put(server, ServerName::request_uri, request.uri);
  put_joined(server, ServerName::document_uri, request.script_name, request.path_info);
  put(server, ServerName::document_root, state.options.root);
  put(server, ServerName::server_protocol, request.protocol);
  put(server, ServerName::request_scheme, request.https ? "https" : "http");
  if (request.https) put(server, ServerName::https, "on");
  put(server, ServerName::gateway_interface, "CGI/1.1");
  put(server, ServerName::server_software, "askr/" ASKR_VERSION);
  put_addresses(server, request);
  put_user(server);
  put(server, ServerName::redirect_status, "200");
  put_script(server, request);
  put_environment(server);
  for (const exchange::FieldView& field : request.fields) put_header(server, field);
  put(server, ServerName::http_x_request_id, request.id);
}

void put_boot(zval* server) {
  php_import_environment_variables(server);
  put(Z_ARRVAL_P(server), ServerName::document_root, state.options.root);
  put(Z_ARRVAL_P(server), ServerName::script_filename, state.script_filename);
  put(Z_ARRVAL_P(server), ServerName::script_name, state.script_filename);
  put(Z_ARRVAL_P(server), ServerName::php_self, state.script_filename);
  put(Z_ARRVAL_P(server), ServerName::server_software, "askr/" ASKR_VERSION);
}

// "USER_AGENT" as "User-Agent".
zend_string* header_name(std::string_view variable) {
  zend_string* name = zend_string_alloc(variable.size(), false);
  bool start = true;
  char* out = ZSTR_VAL(name);
  for (const char letter : variable) {
    *out++ = letter == '_' ? '-' : (start || letter < 'A' || letter > 'Z' ? letter : static_cast<char>(letter + 32));
    start = letter == '_';
  }
  *out = '\0';
  return name;
}

void add_header(HashTable* result, std::string_view variable, zval* value) {
  zend_string* name = header_name(variable);
  Z_TRY_ADDREF_P(value);
  zend_hash_update(result, name, value);
  zend_string_release(name);
}

void (*import_process_environment)(zval* array) = nullptr;

// In php-fpm they come as its environment: getenv() without a name has them, and $_ENV if variables_order wants it.
extern "C" void askr_php_import_environment(zval* array) {
  import_process_environment(array);
  if (state.request == nullptr) return;
  zval request;
  array_init(&request);
  put_request(Z_ARRVAL(request), *state.request);
  zend_hash_del(Z_ARRVAL(request), server_name(ServerName::php_self));
  zend_hash_merge(Z_ARRVAL_P(array), Z_ARRVAL(request), zval_add_ref, true);
  zval_ptr_dtor(&request);
}

}  // namespace

extern "C" void askr_php_server_variables(zval* server) {
  if (state.request != nullptr) {
    put_request(Z_ARRVAL_P(server), *state.request);
  } else {
    put_boot(server);
  }
  invalidate_input_filter();
}

void import_request_into_environment() {
  import_process_environment = php_import_environment_variables;
  php_import_environment_variables = askr_php_import_environment;
}

zval* server_array() {
  zend_is_auto_global(ZSTR_KNOWN(ZEND_STR_AUTOGLOBAL_SERVER));
  return &PG(http_globals)[TRACK_VARS_SERVER];
}

extern "C" char* askr_php_getenv(const char* name, size_t size) {
  if (state.request == nullptr) return nullptr;
  zval* server = server_array();
  if (Z_TYPE_P(server) != IS_ARRAY) return nullptr;
  zval* value = zend_hash_str_find(Z_ARRVAL_P(server), name, size);
  return value != nullptr && Z_TYPE_P(value) == IS_STRING ? Z_STRVAL_P(value) : nullptr;
}

void request_headers(zval* result) {
  array_init(result);
  if (state.request == nullptr) return;
  zval* server = server_array();
  if (Z_TYPE_P(server) != IS_ARRAY) return;
  zend_string* name = nullptr;
  zval* value = nullptr;
  ZEND_HASH_FOREACH_STR_KEY_VAL(Z_ARRVAL_P(server), name, value) {
    if (name == nullptr) continue;
    const std::string_view variable(ZSTR_VAL(name), ZSTR_LEN(name));
    if (variable.substr(0, 5) == "HTTP_") add_header(Z_ARRVAL_P(result), variable.substr(5), value);
  }
  ZEND_HASH_FOREACH_END();
}

void response_headers(zval* result) {
  array_init(result);
  zend_llist_position at;
  for (void* item = zend_llist_get_first_ex(&SG(sapi_headers).headers, &at); item != nullptr;
       item = zend_llist_get_next_ex(&SG(sapi_headers).headers, &at)) {
    const auto* header = static_cast<sapi_header_struct*>(item);
    const std::string_view line(header->header, header->header_len);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && value[0] == ' ') value.remove_prefix(1);
    add_assoc_stringl_ex(result, line.data(), colon, value.data(), value.size());
  }
}

}  // namespace askr::php
