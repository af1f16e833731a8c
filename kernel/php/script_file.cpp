// PHP can open and check the script itself, at the price of several system calls per request; with opcache it needs
// none of them. So it gets the bare name, and the two things it would have done are remembered here: whether the
// file exists (for a second, as opcache does for changes) and which directory we are in. A path may name another
// directory than it did, after a deployment, so that is believed for no longer.
#include "php/script_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>

#include "base/clock.hpp"
#include "php/internal_function.hpp"

namespace askr::php {
namespace {

struct Seen {
  std::string path;
  int64_t at = 0;
};
std::array<Seen, 64> seen;  // by hash; a collision only costs a look

std::string current_directory;
bool directory_changed = true;
bool chdir_called = false;

ScriptCheck look(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return errno == EACCES ? ScriptCheck::denied : ScriptCheck::missing;
  if (!S_ISREG(facts.st_mode)) return ScriptCheck::missing;
  return ::access(path.c_str(), R_OK) == 0 ? ScriptCheck::ready : ScriptCheck::denied;
}

zif_handler original_chdir = nullptr;

extern "C" void askr_php_chdir(INTERNAL_FUNCTION_PARAMETERS) {
  directory_changed = chdir_called = true;
  original_chdir(INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

}  // namespace

ScriptCheck check_script(const std::string& path) {
  Seen& entry = seen[std::hash<std::string>{}(path) % seen.size()];
  const int64_t now = monotonic_now();
  if (entry.path == path && now - entry.at < kSecond) return ScriptCheck::ready;
  const ScriptCheck result = look(path);
  directory_changed = true;
  if (result == ScriptCheck::ready) {
    entry.path = path;
    entry.at = now;
  }
  return result;
}

void enter_directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string_view directory(path.data(), slash == 0 || slash == std::string::npos ? 1 : slash);
  if (!directory_changed && directory == current_directory) return;
  current_directory = directory;
  directory_changed = ::chdir(current_directory.c_str()) != 0;
}

bool was_chdir_called() {
  return chdir_called;
}

void watch_directory_changes() {
  wrap_function("chdir", askr_php_chdir, original_chdir);
}

}  // namespace askr::php
