// opcache preloads the classes of a file that it compiles while PHP starts: they are there, linked, from the first
// line of every request, and no autoloader is asked for them. Functions and code of such a file would not be: only
// files without either are noted, so to a request that includes one of them all the same nothing is missing.
#include "php/class_lessons.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "base/fd.hpp"
#include "php/zend.hpp"

#include <fmt/core.h>

namespace askr::php {
namespace {

zend_op_array* (*compile_file)(zend_file_handle*, int) = nullptr;
std::set<std::string> noted;

// The rest of what a file does when it is included.
bool only_declares_classes(const zend_op_array& code) {
  return std::all_of(code.opcodes, code.opcodes + code.last, [](const zend_op& op) {
    switch (op.opcode) {
      case ZEND_NOP:
      case ZEND_EXT_NOP:
      case ZEND_EXT_STMT:
      case ZEND_DECLARE_CLASS:
      case ZEND_DECLARE_CLASS_DELAYED:
        return true;
      case ZEND_RETURN:
        return op.op1_type == IS_CONST;
      default:
        return false;
    }
  });
}

extern "C" zend_op_array* askr_php_compile_file(zend_file_handle* file, int type) {
  const bool autoloading = EG(in_autoload) != nullptr && zend_hash_num_elements(EG(in_autoload)) > 0;
  const uint32_t functions = EG(function_table)->nNumUsed;
  zend_op_array* code = compile_file(file, type);
  if (code == nullptr || !autoloading || code->filename == nullptr) return code;
  if (functions == EG(function_table)->nNumUsed && only_declares_classes(*code)) {
    noted.emplace(ZSTR_VAL(code->filename), ZSTR_LEN(code->filename));
  }
  return code;
}

Result<> write_all(int file, std::string_view text, const std::string& what) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written <= 0) return system_error("cannot write " + what);
    text.remove_prefix(static_cast<size_t>(written));
  }
  return ok();
}

Result<std::string> read_list(int list) {
  struct stat facts {};
  if (::fstat(list, &facts) != 0) return system_error("the list of classes to preload");
  std::string paths(static_cast<size_t>(facts.st_size), '\0');
  const ssize_t got = ::pread(list, paths.data(), paths.size(), 0);
  if (got != facts.st_size) return system_error("the list of classes to preload");
  return paths;
}

std::string quoted(std::string_view path) {
  std::string text = "'";
  for (const char c : path) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

}  // namespace

Result<> begin_class_lessons(const RuntimeFacts& facts) {
  if (!facts.opcache_enabled) {
    return usage_error("worker.preload_classes needs opcache, which is not installed or switched off");
  }
  const char* preload = zend_ini_string("opcache.preload", sizeof("opcache.preload") - 1, 0);
  if (preload != nullptr && *preload != '\0') {
    return usage_error(
        fmt::format("PHP preloads {} already (opcache.preload): either that or worker.preload_classes", preload));
  }
  compile_file = zend_compile_file;
  zend_compile_file = askr_php_compile_file;
  return ok();
}

Result<> save_class_lessons(int list) {
  std::string paths;
  for (const std::string& path : noted) paths.append(path).push_back('\0');
  return write_all(list, paths, "the list of classes to preload");
}

// PHP warns of each class whose parents are not in the list; such a class is loaded as always. The list is from a
// moment ago: a file that is gone or broken since is for the requests to complain about.
Result<std::string> write_preload_script(const RuntimeOptions& options) {
  const std::string list = ASKR_TRY(read_list(options.class_list));
  if (list.empty()) return std::string();
  std::string script = "<?php\nerror_reporting(0);\n";
  for (std::string_view paths = list; !paths.empty(); paths.remove_prefix(paths.find('\0') + 1)) {
    script += fmt::format("try {{ opcache_compile_file({}); }} catch (Throwable) {{}}\n",
                          quoted(paths.substr(0, paths.find('\0'))));
  }
  std::string path = fmt::format("{}/preload-{}.php", options.upload_dir, ::getpid());
  ::unlink(path.c_str());
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return system_error("cannot make " + path);
  ASKR_TRY(write_all(file.get(), script, path));
  return path;
}

}  // namespace askr::php
