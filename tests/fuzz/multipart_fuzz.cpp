// Forms with files. PHP's own parser takes them apart, and the list that worker scripts get is made of what it did: it
// has the files of $_FILES, each once and whole, and nothing stays on disk when the request has ended.
//
// The first line of the input is the Content-Type, the rest is the body. Of the two parsers only ours is built with
// coverage; the dictionary is for the other one.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "php/sapi_module.hpp"
#include "php/state.hpp"
#include "php/uploads.hpp"
#include "php/zend.hpp"
#include "require.hpp"

namespace {

using namespace askr::php;

std::string upload_folder;
std::string content_type;  // static, because PHP may leave a request by longjmp
std::string_view body;

extern "C" size_t read_input(char* buffer, size_t size) {
  const size_t taken = body.copy(buffer, size);
  body.remove_prefix(taken);
  return taken;
}

void open_request(std::string_view input) {
  const size_t line = std::min(input.find('\n'), input.size());
  content_type = input.substr(0, line);
  body = input.substr(std::min(line + 1, input.size()));
  SG(request_info) = sapi_request_info{};
  SG(request_info).request_method = "POST";
  SG(request_info).content_type = content_type.c_str();
  SG(request_info).content_length = static_cast<zend_long>(body.size());
  SG(server_context) = &state;
  SG(sapi_headers).http_response_code = 200;
  forget_uploads();
}

zval* child(zval* parent, std::string_view key) {
  return Z_TYPE_P(parent) == IS_ARRAY ? zend_hash_str_find(Z_ARRVAL_P(parent), key.data(), key.size()) : nullptr;
}

zval* child(zval* parent, zend_string* key, zend_ulong index) {
  if (parent == nullptr || Z_TYPE_P(parent) != IS_ARRAY) return nullptr;
  return key != nullptr ? zend_hash_find(Z_ARRVAL_P(parent), key) : zend_hash_index_find(Z_ARRVAL_P(parent), index);
}

// visit(key, index, child) for each child of an array.
template <class Visitor>
void for_each(zval* array, Visitor&& visit) {
  zend_ulong index = 0;
  zend_string* key = nullptr;
  zval* value = nullptr;
  ZEND_HASH_FOREACH_KEY_VAL(Z_ARRVAL_P(array), index, key, value) {
    visit(key, index, value);
  }
  ZEND_HASH_FOREACH_END();
}

std::string text(const zval* value) {
  ASKR_REQUIRE(Z_TYPE_P(value) == IS_STRING);
  return {Z_STRVAL_P(value), Z_STRLEN_P(value)};
}

// The tmp_name of each file that has all five properties at one place.
void collect(const std::vector<zval*>& properties, std::vector<std::string>& found) {
  const auto is_array = [](const zval* value) { return Z_TYPE_P(value) == IS_ARRAY; };
  if (std::find(properties.begin(), properties.end(), nullptr) != properties.end()) return;
  if (std::none_of(properties.begin(), properties.end(), is_array)) found.push_back(text(properties[0]));
  if (!std::all_of(properties.begin(), properties.end(), is_array)) return;
  for_each(properties[0], [&](zend_string* key, zend_ulong index, zval* /*value*/) {
    std::vector<zval*> below;
    for (zval* property : properties) below.push_back(child(property, key, index));
    collect(below, found);
  });
}

std::vector<std::string> files_of_superglobal() {
  std::vector<std::string> found;
  zval* files = &PG(http_globals)[TRACK_VARS_FILES];
  if (Z_TYPE_P(files) != IS_ARRAY) return found;
  for_each(files, [&](zend_string* /*key*/, zend_ulong /*index*/, zval* file) {
    std::vector<zval*> properties;
    for (const char* name : {"tmp_name", "name", "type", "size", "error"}) properties.push_back(child(file, name));
    collect(properties, found);
  });
  return found;
}

void check_entry(zval* entry) {
  ASKR_REQUIRE(Z_TYPE_P(entry) == IS_ARRAY && zend_hash_num_elements(Z_ARRVAL_P(entry)) == 6);
  for (const char* name : {"field", "name", "type"}) text(child(entry, name));
  ASKR_REQUIRE(Z_TYPE_P(child(entry, "error")) == IS_LONG && Z_TYPE_P(child(entry, "size")) == IS_LONG);
  const std::string path = text(child(entry, "tmp_name"));
  if (Z_LVAL_P(child(entry, "error")) != 0) {
    ASKR_REQUIRE(path.empty());
    return;
  }
  ASKR_REQUIRE(zend_hash_str_exists(SG(rfc1867_uploaded_files), path.data(), path.size()));
  ASKR_REQUIRE(std::filesystem::file_size(path) == static_cast<uintmax_t>(Z_LVAL_P(child(entry, "size"))));
}

void check(zval* list) {
  std::vector<std::string> listed;
  for_each(list, [&](zend_string* /*key*/, zend_ulong /*index*/, zval* entry) {
    check_entry(entry);
    listed.push_back(text(child(entry, "tmp_name")));
  });
  std::vector<std::string> found = files_of_superglobal();
  std::sort(listed.begin(), listed.end());
  std::sort(found.begin(), found.end());
  ASKR_REQUIRE(listed == found);
}

void run(std::string_view input) {
  zend_first_try {
    open_request(input);
    ASKR_REQUIRE(php_request_startup() == SUCCESS);
    zval list;
    list_uploads(&list);
    check(&list);
    zval_ptr_dtor_nogc(&list);
  }
  zend_end_try();
  php_request_shutdown(nullptr);
}

}  // namespace

// PHP leaves its module memory to the end of the process.
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0";
}

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*arguments*/) {
  char folder[] = "/tmp/askr-multipart-XXXXXX";
  ASKR_REQUIRE(::mkdtemp(folder) != nullptr);
  upload_folder = folder;
  std::atexit([] { std::filesystem::remove_all(upload_folder); });
  ::setenv("USE_ZEND_ALLOC", "0", 1);   // each piece of memory from the sanitizer's allocator
  ::setenv("PHP_INI_SCAN_DIR", "", 1);  // no settings and extensions of this machine
  ::setenv("PHPRC", folder, 1);
  static std::string ini = "upload_tmp_dir=" + upload_folder +
                           "\nlog_errors=0\ndisplay_errors=0\nmax_input_time=0\nmax_execution_time=0\n"
                           "upload_max_filesize=600\npost_max_size=100K\n";
  std::vector<std::string> messages;
  ASKR_REQUIRE(start_module(ini, messages));
  sapi_module.read_post = read_input;
  watch_uploads();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  run({reinterpret_cast<const char*>(data), size});
  ASKR_REQUIRE(std::filesystem::is_empty(upload_folder));
  return 0;
}
