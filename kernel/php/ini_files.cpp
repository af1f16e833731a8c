#include "php/ini_files.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "php/zend.hpp"

// As php_ini_opened_path.
extern PHPAPI char* php_ini_scanned_path;

namespace askr::php {
namespace {

namespace fs = std::filesystem;

// libphp's own folders. The macros of the same name are those of the command line's PHP.
std::string constant(std::string_view name) {
  zval* value = zend_get_constant_str(name.data(), name.size());
  return value != nullptr && Z_TYPE_P(value) == IS_STRING ? std::string(Z_STRVAL_P(value), Z_STRLEN_P(value)) : "";
}

enum class Readable { yes, no };

// What is not there is not missed: each place is optional.
Readable note_unreadable(const fs::path& path, int mode, std::vector<std::string>& unread) {
  if (::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0) return Readable::yes;
  const bool missed = errno != ENOENT && errno != ENOTDIR;
  if (missed) unread.push_back(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  return Readable::no;
}

void look_for_php_ini(std::vector<std::string>& unread) {
  if (const char* named = std::getenv("PHPRC")) {
    std::error_code ignored;
    note_unreadable(fs::is_directory(named, ignored) ? fs::path(named) / "php.ini" : fs::path(named), R_OK, unread);
  }
  if (php_ini_opened_path != nullptr) return;  // there, or in a place that comes before it
  note_unreadable(fs::path(constant("PHP_CONFIG_FILE_PATH")) / "php.ini", R_OK, unread);
}

void look_into(const fs::path& folder, std::vector<std::string>& unread) {
  if (note_unreadable(folder, R_OK | X_OK, unread) == Readable::no) return;
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, failed)) {
    if (entry.path().extension() == ".ini") note_unreadable(entry.path(), R_OK, unread);
  }
}

}  // namespace

std::vector<std::string> unread_ini_files() {
  std::vector<std::string> unread;
  look_for_php_ini(unread);
  // Several folders with a colon between them; an empty one is the built-in one.
  std::string_view rest = php_ini_scanned_path == nullptr ? "" : php_ini_scanned_path;
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    look_into(folder.empty() ? fs::path(constant("PHP_CONFIG_FILE_SCAN_DIR")) : fs::path(folder), unread);
    rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
  }
  return unread;
}

void warn_about_unread_ini_files(std::vector<std::string>& warnings) {
  for (const std::string& file : unread_ini_files()) {
    warnings.push_back("PHP runs without settings that this user may not read: " + file);
  }
}

}  // namespace askr::php
