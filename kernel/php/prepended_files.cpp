#include "php/prepended_files.hpp"

#include <utility>

#include "base/log.hpp"
#include "php/global_scope.hpp"
#include "php/state.hpp"
#include "php/uncaught.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

struct File {
  const char* setting;
  char* name = nullptr;  // as in php.ini; PHP keeps it
  zend_op_array* code = nullptr;
};
File prepended{"auto_prepend_file"}, appended{"auto_append_file"};

zend_op_array* compile(const char* name) {
  zend_file_handle handle;
  zend_stream_init_filename(&handle, name);
  zend_op_array* code = zend_compile_file(&handle, ZEND_REQUIRE);
  if (handle.opened_path != nullptr) zend_hash_add_empty_element(&EG(included_files), handle.opened_path);
  zend_destroy_file_handle(&handle);
  return code;
}

// A firewall is often a library that such a file includes, and include_once does so once.
void warn_of_included_files(const File& file, uint32_t included_before) {
  if (state.options.isolate || zend_hash_num_elements(&EG(included_files)) <= included_before + 1) return;
  if (!state.port->is_first_to_warn(exchange::SharedWarning::included_once)) return;
  uint32_t place = 0;
  zend_string* path = nullptr;
  ZEND_HASH_FOREACH_STR_KEY(&EG(included_files), path) {
    if (place++ <= included_before) continue;
    log::warning(
        "{} {} includes {}: with include_once or require_once that runs once in each worker, not with each "
        "request; --isolation rewind runs it with each",
        file.setting, file.name, ZSTR_VAL(path));
    break;
  }
  ZEND_HASH_FOREACH_END();
}

void run(File& file) {
  const uint32_t included_before = zend_hash_num_elements(&EG(included_files));
  const bool is_new = file.code == nullptr;
  run_in_global_scope([&file] {
    if (file.code == nullptr) file.code = compile(file.name);
    if (file.code != nullptr) zend_execute(file.code, nullptr);
    zend_exception_restore();
  });
  if (is_new) warn_of_included_files(file, included_before);
}

char* take(char*& setting) {
  char* name = std::exchange(setting, nullptr);
  return name != nullptr && *name != '\0' ? name : nullptr;
}

}  // namespace

void take_over_prepended_files() {
  prepended.name = take(PG(auto_prepend_file));
  appended.name = take(PG(auto_append_file));
}

void give_back_prepended_files() {
  PG(auto_prepend_file) = prepended.name;
  PG(auto_append_file) = appended.name;
}

bool run_prepended_file() {
  if (prepended.name == nullptr) return true;
  run(prepended);
  return settle_and_go_on();
}

void run_appended_file() {
  if (appended.name == nullptr) return;
  run(appended);
  settle_exception();
}

}  // namespace askr::php
