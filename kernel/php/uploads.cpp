// $_FILES has each property of a file in a tree of its own, `a[b][]` as ["a"]["name"]["b"][0], ["a"]["type"]["b"][0]
// and so on. Where PHP has put a file depends on all the names before it. So its own function puts numbers at these
// places once more, and the places are read from the tree that comes out.
#include "php/uploads.hpp"

#include <strings.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "php/session.hpp"
#include "php/state.hpp"

namespace askr::php {
namespace {

std::string worker_dir;  // empty: PHP uses another one

// What a listener answers is an int up to PHP 8.3 and a zend_result later.
using ListenerAnswer = decltype(php_rfc1867_callback(0, nullptr, nullptr));
decltype(php_rfc1867_callback) next_listener = nullptr;

constexpr std::array<std::string_view, 5> kProperties{"name", "type", "tmp_name", "size", "error"};
using Properties = std::array<zval*, kProperties.size()>;  // nullptr: not there

struct Upload {
  std::string field;        // as written
  std::string variable;     // the same with a level for the property, as in $_FILES
  Properties properties{};  // all nullptr when a later file has taken its place
};
std::vector<Upload> uploads;  // of this request, in order

constexpr std::string_view kLevel = "file";

// What has no brackets in pairs does not come here, PHP has refused it. In an upload it drops the white space at the
// beginning of an index, which php_register_variable_ex() would keep.
std::string with_level(std::string_view field) {
  const size_t bracket = std::min(field.find('['), field.size());
  std::string variable(field.substr(0, bracket));
  variable.append("[").append(kLevel).append("]");
  for (const char letter : field.substr(bracket)) {
    const bool is_space = letter == ' ' || letter == '\t' || letter == '\r' || letter == '\n';
    if (!is_space || variable.back() != '[') variable += letter;
  }
  return variable;
}

extern "C" ListenerAnswer askr_php_multipart_event(unsigned int event, void* data, void** extra) {
  if (event == MULTIPART_EVENT_FILE_START) {
    const std::string_view field = static_cast<multipart_event_file_start*>(data)->name;
    uploads.push_back({std::string(field), with_level(field)});
  }
  // PHP is about to note the progress in the session. With functions of the boot that would be code of the application
  // before there is a request; a handler that a script sets is not there yet behind php-fpm either.
  if (next_listener == nullptr || session_is_of_application()) return SUCCESS;
  return next_listener(event, data, extra);
}

// Of names that are nested too deep PHP has warned once. It does not where errors are shown to clients.
void put_numbers(zval* places) {
  const bool displays = PG(display_errors);
  PG(display_errors) = true;
  zend_long number = 0;
  for (const Upload& upload : uploads) {
    zval value;
    ZVAL_LONG(&value, number++);
    php_register_variable_ex(upload.variable.c_str(), &value, places);
  }
  PG(display_errors) = displays;
}

zval* find_child(zval* parent, zend_string* key, zend_ulong index) {
  if (parent == nullptr || Z_TYPE_P(parent) != IS_ARRAY) return nullptr;
  return key != nullptr ? zend_hash_find(Z_ARRVAL_P(parent), key) : zend_hash_index_find(Z_ARRVAL_P(parent), index);
}

// `properties` of a file, or of files below, which are at `place` in the tree of numbers.
void read_place(zval* place, const Properties& properties) {
  if (Z_TYPE_P(place) == IS_LONG) {
    uploads[static_cast<size_t>(Z_LVAL_P(place))].properties = properties;
    return;
  }
  zend_ulong index = 0;
  zend_string* key = nullptr;
  zval* child = nullptr;
  ZEND_HASH_FOREACH_KEY_VAL(Z_ARRVAL_P(place), index, key, child) {
    Properties below{};
    for (size_t i = 0; i < below.size(); ++i) below[i] = find_child(properties[i], key, index);
    read_place(child, below);
  }
  ZEND_HASH_FOREACH_END();
}

void read_places(zval* places, zval* files) {
  zend_ulong index = 0;
  zend_string* key = nullptr;
  zval* place = nullptr;
  ZEND_HASH_FOREACH_KEY_VAL(Z_ARRVAL_P(places), index, key, place) {
    zval* variable = find_child(files, key, index);
    if (variable == nullptr || Z_TYPE_P(variable) != IS_ARRAY) continue;
    Properties properties{};
    for (size_t i = 0; i < properties.size(); ++i) {
      properties[i] = zend_hash_str_find(Z_ARRVAL_P(variable), kProperties[i].data(), kProperties[i].size());
    }
    zval* numbers = zend_hash_str_find(Z_ARRVAL_P(place), kLevel.data(), kLevel.size());
    if (numbers != nullptr) read_place(numbers, properties);
  }
  ZEND_HASH_FOREACH_END();
}

bool is_complete(const Upload& upload) {
  return std::all_of(upload.properties.begin(), upload.properties.end(),
                     [](const zval* value) { return value != nullptr && Z_TYPE_P(value) != IS_ARRAY; });
}

void list_upload(const Upload& upload, zval* result) {
  zval entry;
  array_init_size(&entry, 1 + kProperties.size());
  add_assoc_stringl(&entry, "field", upload.field.data(), upload.field.size());
  for (size_t i = 0; i < kProperties.size(); ++i) {
    Z_TRY_ADDREF_P(upload.properties[i]);
    add_assoc_zval_ex(&entry, kProperties[i].data(), kProperties[i].size(), upload.properties[i]);
  }
  add_next_index_zval(result, &entry);
}

// PHP keeps smaller bodies in memory, but no uploaded file.
bool needs_files(const exchange::RequestView& request) {
  constexpr std::string_view kForm = "multipart/form-data";
  if (request.body_size >= SAPI_POST_BLOCK_SIZE) return true;
  const char* type = SG(request_info).content_type;
  return type != nullptr && strncasecmp(type, kForm.data(), kForm.size()) == 0;
}

}  // namespace

std::string worker_upload_dir(const std::string& upload_dir, uint32_t index) {
  return upload_dir + "/" + std::to_string(index);
}

void use_upload_dir_of_worker() {
  const char* configured = PG(upload_tmp_dir);
  if (configured == nullptr || configured != state.options.upload_dir) return;
  worker_dir = worker_upload_dir(state.options.upload_dir, state.port->position());
  PG(upload_tmp_dir) = worker_dir.data();
}

void make_upload_dir() {
  if (worker_dir.empty() || !needs_files(*state.request)) return;
  state.port->record().has_uploads = 1;
  if (::mkdir(worker_dir.c_str(), 0700) == 0 || errno == EEXIST) return;
  log::error("[{}] {}", state.request->id, system_error("cannot make the folder for uploads " + worker_dir).message);
}

void watch_uploads() {
  next_listener = php_rfc1867_callback;
  php_rfc1867_callback = askr_php_multipart_event;
}

void forget_uploads() {
  uploads.clear();
}

void list_uploads(zval* result) {
  zval* files = &PG(http_globals)[TRACK_VARS_FILES];
  if (uploads.empty() || Z_TYPE_P(files) != IS_ARRAY) {
    ZVAL_EMPTY_ARRAY(result);
    return;
  }
  zval places;
  array_init(&places);
  put_numbers(&places);
  read_places(&places, files);
  zval_ptr_dtor_nogc(&places);
  array_init(result);
  for (const Upload& upload : uploads) {
    if (is_complete(upload)) list_upload(upload, result);
  }
}

}  // namespace askr::php
