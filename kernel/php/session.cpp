// The extension ends its own request after each of ours. That lets go of the functions of session_set_save_handler(),
// and has to where they came from a request: the next one must not find them. Those of the boot are kept here and
// handed back; the extension leaves them alone when it begins a request.
#include "php/session.hpp"

#include <algorithm>
#include <string>

#include "php/extension.hpp"

namespace askr::php {
namespace {

constexpr std::string_view kSetting = "session.save_handler";

const Extension session{"session"};

// How many functions a handler has, and whether PHP names them or numbers them, differs between versions; each is a
// zval.
constexpr size_t kFunctions = sizeof(php_ps_globals::mod_user_names) / sizeof(zval);

// Of the boot.
zval functions[kFunctions];
zend_string* class_name = nullptr;
std::string handler;
const ps_module* module_of_handler = nullptr;

php_ps_globals* globals() {
  return session.globals<php_ps_globals>();
}

zval* current_functions() {
  return reinterpret_cast<zval*>(&globals()->mod_user_names);
}

bool is_user(std::string_view name) {
  return name == "user";
}

bool has_user_handler() {
  const char* name = zend_ini_string(kSetting.data(), kSetting.size(), 0);
  return name != nullptr && is_user(name);
}

// Not as ini_set() would: PHP lets only its own function choose "user", and nothing after the head was sent.
void set_handler(std::string_view name) {
  zend_string* key = zend_string_init(kSetting.data(), kSetting.size(), false);
  globals()->set_handler = true;
  zend_alter_ini_entry_chars(key, name.data(), name.size(), PHP_INI_USER, PHP_INI_STAGE_DEACTIVATE);
  globals()->set_handler = false;
  zend_string_release(key);
}

void restore_setting() {
  zend_string* key = zend_string_init(kSetting.data(), kSetting.size(), false);
  zend_restore_ini_entry(key, PHP_INI_STAGE_DEACTIVATE);
  zend_string_release(key);
}

// The constant is there for good once a session was started, and may hold its id.
void forget_id() {
  zval* constant = zend_get_constant_str("SID", sizeof("SID") - 1);
  if (constant == nullptr || Z_TYPE_P(constant) != IS_STRING || Z_STRLEN_P(constant) == 0) return;
  zval_ptr_dtor(constant);
  ZVAL_EMPTY_STRING(constant);
}

// The common case, known without a look at settings and constants: nobody has had a session since the last renewal.
bool is_as_renewed() {
  const php_ps_globals* now = globals();
  return now->session_status == php_session_none && now->id == nullptr && now->mod == module_of_handler &&
         !is_user(handler) && !zend_hash_str_exists(&EG(symbol_table), "_SESSION", sizeof("_SESSION") - 1);
}

void close_session() {
  session.end_request();
  zend_hash_str_del(&EG(symbol_table), "_SESSION", sizeof("_SESSION") - 1);
  forget_id();
}

void hand_back_functions() {
  if (!is_user(handler)) return;
  std::copy_n(functions, kFunctions, current_functions());
  for (zval& function : functions) Z_TRY_ADDREF(function);
  if (class_name != nullptr) globals()->mod_user_class_name = zend_string_copy(class_name);
}

// The progress of an upload leaves its session to the memory of the request, which here is not the request's own.
void forget_session_of_upload() {
  php_ps_globals* now = globals();
  if (now == nullptr || now->id == nullptr) return;
  zend_string_release(now->id);
  now->id = nullptr;
  zval_ptr_dtor(&now->http_session_vars);
  ZVAL_UNDEF(&now->http_session_vars);
}

}  // namespace

void end_session() {
  if (globals() == nullptr) return;
  close_session();
  if (has_user_handler()) restore_setting();
}

void keep_session_handler() {
  if (globals() == nullptr) return;
  handler = zend_ini_string(kSetting.data(), kSetting.size(), 0);
  module_of_handler = globals()->mod;
  std::copy_n(current_functions(), kFunctions, functions);
  for (zval& function : functions) Z_TRY_ADDREF(function);
  if (globals()->mod_user_class_name != nullptr) class_name = zend_string_copy(globals()->mod_user_class_name);
}

void renew_session() {
  if (globals() == nullptr || is_as_renewed()) return;
  close_session();
  hand_back_functions();
  if (has_user_handler() != is_user(handler)) set_handler(handler);
}

bool session_is_of_application() {
  return is_user(handler);
}

void begin_session() {
  forget_session_of_upload();
  session.begin_request();
}

}  // namespace askr::php
