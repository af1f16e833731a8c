// $_SERVER has what php-fpm behind nginx gives. Applications depend on the details: what is empty there is empty here,
// what is absent there is absent here.
#include "php/variables.hpp"

#include <algorithm>
#include <charconv>

#include "php/field_name.hpp"
#include "php/input_filter.hpp"
#include "php/server_array.hpp"
#include "php/state.hpp"

namespace askr::php {
namespace {

using exchange::RequestView;

// Names with a fixed place are set where they stand.
void set(zend_array* server, ServerName name, std::string_view text) {
  ZVAL_STRINGL_FAST(server_place(server, name), text.data(), text.size());
}

void set_number(zend_array* server, ServerName name, uint64_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number);
  set(server, name, std::string_view(digits, static_cast<size_t>(end.ptr - digits)));
}

void set_joined(zend_array* server, ServerName name, std::string_view left, std::string_view right) {
  ZVAL_STR(server_place(server, name), zend_string_concat2(left.data(), left.size(), right.data(), right.size()));
}

// The others.
void add(HashTable* server, ServerName name, std::string_view text) {
  zval value;
  ZVAL_STRINGL_FAST(&value, text.data(), text.size());
  zend_hash_update(server, server_name(name), &value);
}

// That a body is empty is said by a client that announces it, and of every POST.
bool has_length(const RequestView& request) {
  if (request.body_size > 0 || strcmp(SG(request_info).request_method, "POST") == 0) return true;
  return std::any_of(request.fields.begin(), request.fields.end(),
                     [](const exchange::FieldView& field) { return is_same_field(field.name, "Content-Length"); });
}

void set_body_facts(zend_array* server, const RequestView& request) {
  const char* type = SG(request_info).content_type;
  set(server, ServerName::content_type, type != nullptr ? type : "");
  if (has_length(request)) {
    set_number(server, ServerName::content_length, request.body_size);
  } else {
    set(server, ServerName::content_length, "");
  }
}

// A Unix socket has none.
void set_port(zend_array* server, ServerName name, uint16_t port) {
  if (port != 0) {
    set_number(server, name, port);
  } else {
    set(server, name, "");
  }
}

void set_addresses(zend_array* server, const RequestView& request) {
  set(server, ServerName::remote_addr, request.remote_address);
  set_port(server, ServerName::remote_port, request.remote_port);
  set(server, ServerName::server_addr, request.server_address);
  set_port(server, ServerName::server_port, request.server_port);
  set(server, ServerName::server_name, request.server_name);
}

void set_script(zend_array* server, const RequestView& request) {
  set(server, ServerName::script_name, request.script_name);
  set(server, ServerName::script_filename, state.worker_mode ? state.front_filename : state.script_filename);
  set_joined(server, ServerName::document_uri, request.script_name, request.path_info);
  if (request.path_info.empty()) {
    set(server, ServerName::php_self, request.script_name);
  } else {
    set_joined(server, ServerName::php_self, request.script_name, request.path_info);
  }
}

void add_path_info(HashTable* server, const RequestView& request) {
  if (request.path_info.empty()) return;
  add(server, ServerName::path_info, request.path_info);
  const std::string& root = state.options.root;
  zval value;
  ZVAL_STR(&value, zend_string_concat2(root.data(), root.size(), request.path_info.data(), request.path_info.size()));
  zend_hash_update(server, server_name(ServerName::path_translated), &value);
}

// As nginx's $remote_user: what the client says, which nobody has checked.
void add_user(HashTable* server) {
  const char* user = SG(request_info).auth_user;
  if (user != nullptr) add(server, ServerName::remote_user, user);
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

zend_array* make_server_array(const RequestView& request) {
  zend_array* server = begin_server_array();
  set(server, ServerName::query_string, request.query);
  set(server, ServerName::request_method, request.method);
  set_body_facts(server, request);
  set(server, ServerName::request_uri, request.uri);
  set(server, ServerName::server_protocol, request.protocol);
  set(server, ServerName::request_scheme, request.https ? "https" : "http");
  set_addresses(server, request);
  set_script(server, request);
  if (request.https) add(server, ServerName::https, "on");
  add_user(server);
  add_path_info(server, request);
  for (const exchange::FieldView& field : request.fields) put_header(server, field);
  zval_ptr_dtor_nogc(server_place(server, ServerName::http_x_request_id));  // what the client had to say about it
  set(server, ServerName::http_x_request_id, request.id);
  return server;
}

void put_boot(zval* server) {
  php_import_environment_variables(server);
  add(Z_ARRVAL_P(server), ServerName::document_root, state.options.root);
  add(Z_ARRVAL_P(server), ServerName::script_filename, state.script_filename);
  add(Z_ARRVAL_P(server), ServerName::script_name, state.script_filename);
  add(Z_ARRVAL_P(server), ServerName::php_self, state.script_filename);
  if (state.options.command_line) return;
  add(Z_ARRVAL_P(server), ServerName::server_software, "askr/" ASKR_VERSION);
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
  zend_array* request = make_server_array(*state.request);
  zend_hash_del(request, server_name(ServerName::php_self));
  zend_string* name = nullptr;
  zval* value = nullptr;
  ZEND_HASH_FOREACH_STR_KEY_VAL(request, name, value) {
    if (name == nullptr || !comes_with_request({ZSTR_VAL(name), ZSTR_LEN(name)})) continue;
    Z_TRY_ADDREF_P(value);
    zend_hash_update(Z_ARRVAL_P(array), name, value);
  }
  ZEND_HASH_FOREACH_END();
  zend_array_release(request);
}

}  // namespace

extern "C" void askr_php_server_variables(zval* server) {
  if (state.request != nullptr) {
    zval_ptr_dtor_nogc(server);  // empty
    ZVAL_ARR(server, make_server_array(*state.request));
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
  if (state.request == nullptr || !comes_with_request({name, size})) return nullptr;
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
