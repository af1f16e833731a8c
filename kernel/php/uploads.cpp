#include "php/uploads.hpp"

#include <strings.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "php/state.hpp"

namespace askr::php {
namespace {

std::string worker_dir;  // empty: PHP uses another one

int (*next_listener)(unsigned int, void*, void**) = nullptr;

std::vector<std::string> written_names;                    // of the files of this request, in order
std::string base_name;                                     // of the field looked up now: `a.c[b][]` has "a_c" ...
std::vector<std::string> indexes;                          // ... and "b", "0"
std::map<std::string, zend_long, std::less<>> next_index;  // what the next `prefix[]` becomes

extern "C" int askr_php_multipart_event(unsigned int event, void* data, void** extra) {
  if (event == MULTIPART_EVENT_FILE_START) {
    written_names.emplace_back(static_cast<multipart_event_file_start*>(data)->name);
  }
  return next_listener != nullptr ? next_listener(event, data, extra) : SUCCESS;
}

// PHP's counting: an empty index is one more than the highest number so far.
std::string resolve_index(std::string_view prefix, std::string_view index) {
  auto entry = next_index.try_emplace(std::string(prefix), 0).first;
  if (index.empty()) return std::to_string(entry->second++);
  zend_long number = 0;
  const auto parsed = std::from_chars(index.data(), index.data() + index.size(), number);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == index.data() + index.size();
  if (is_number && number >= entry->second) entry->second = number + 1;
  return std::string(index);
}

// Splits a field name into `base_name`, as PHP spells it, and `indexes`.
void split_name(std::string_view written) {
  indexes.clear();
  written.remove_prefix(std::min(written.find_first_not_of(' '), written.size()));
  size_t at = std::min(written.find('['), written.size());
  base_name = written.substr(0, at);
  for (char& letter : base_name) {
    if (letter == '.' || letter == ' ') letter = '_';
  }
  while (at < written.size() && written[at] == '[') {
    const size_t end = written.find(']', at);
    if (end == std::string_view::npos) break;
    indexes.push_back(resolve_index(written.substr(0, at), written.substr(at + 1, end - at - 1)));
    at = end + 1;
  }
}

// One property ("tmp_name") of the file that `indexes` lead to.
zval* find_property(HashTable* file, std::string_view property) {
  zval* value = zend_hash_str_find(file, property.data(), property.size());
  for (const std::string& index : indexes) {
    if (value == nullptr || Z_TYPE_P(value) != IS_ARRAY) return nullptr;
    value = zend_symtable_str_find(Z_ARRVAL_P(value), index.data(), index.size());
  }
  return value;
}

void list_upload(HashTable* files, const std::string& written, zval* result) {
  split_name(written);
  zval* file = zend_symtable_str_find(files, base_name.data(), base_name.size());
  if (file == nullptr || Z_TYPE_P(file) != IS_ARRAY) return;
  zval entry;
  array_init_size(&entry, 6);
  add_assoc_stringl(&entry, "field", written.data(), written.size());
  for (const std::string_view property : {"name", "type", "tmp_name", "size", "error"}) {
    zval* value = find_property(Z_ARRVAL_P(file), property);
    if (value == nullptr) {
      zval_ptr_dtor(&entry);
      return;
    }
    Z_TRY_ADDREF_P(value);
    add_assoc_zval_ex(&entry, property.data(), property.size(), value);
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
  worker_dir = worker_upload_dir(state.options.upload_dir, state.port->record().index);
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
  written_names.clear();
  next_index.clear();
}

void list_uploads(zval* result) {
  zval* files = &PG(http_globals)[TRACK_VARS_FILES];
  if (written_names.empty() || Z_TYPE_P(files) != IS_ARRAY) {
    ZVAL_EMPTY_ARRAY(result);
    return;
  }
  array_init(result);
  for (const std::string& written : written_names) list_upload(Z_ARRVAL_P(files), written, result);
}

}  // namespace askr::php
