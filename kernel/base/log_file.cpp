#include "base/log_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/redirectable_path.hpp"

namespace askr {
namespace {

bool is_pipe(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
}

}  // namespace

Result<UniqueFd> open_log_file(const std::string& what, const std::string& path, mode_t mode, const Account* account) {
  const bool is_of_account = account != nullptr && can_redirect(*account, path);
  const ActingAs acting(is_of_account ? account : nullptr);
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC | O_NONBLOCK, mode));
  if (!file) {
    const int problem = errno;
    const std::string failure = "cannot open the " + what + " " + path + (is_of_account ? " as " + account->name : "");
    if (problem == ENXIO && is_pipe(path)) return Error{failure + ": nobody reads this pipe"};
    return system_error(failure, problem);
  }
  return file;
}

std::string warn_of_readers(const std::string& what, const std::string& path, int file) {
  struct stat status {};
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || (status.st_mode & S_IROTH) == 0) return {};
  return "everybody can read the " + what + " " + path + ": it was there already, and keeps its mode";
}

}  // namespace askr
