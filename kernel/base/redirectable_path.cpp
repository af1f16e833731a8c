// Goes down from the root folder as the kernel does: whatever was passed by then is certain already, and stays so.
#include "base/redirectable_path.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <vector>

#include "base/file_access.hpp"

namespace askr {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kMostLinks = 40;  // as the kernel's

enum class Rights : uint8_t { of_root, shared, of_others };

bool is_in_proc(const fs::path& folder) {
  struct statfs facts {};
  return ::statfs(folder.c_str(), &facts) == 0 && facts.f_type == PROC_SUPER_MAGIC;
}

Rights rights_to(const fs::path& folder, const Account& account) {
  struct stat found {};
  if (::lstat(folder.c_str(), &found) != 0 || found.st_uid != 0) return Rights::of_others;
  if (is_in_proc(folder)) return Rights::of_root;  // nobody makes links there, whatever access() says
  const ActingAs acting(&account);
  if (!may_access(folder, W_OK)) return Rights::of_root;
  return (found.st_mode & S_ISVTX) != 0 ? Rights::shared : Rights::of_others;
}

class Walk {
 public:
  explicit Walk(const Account& account) : account_(account) {}

  bool is_certain(const fs::path& path) {
    enter(path);
    while (!left_.empty()) {
      const fs::path name = left_.back();
      left_.pop_back();
      if (name == "..") {
        folder_ = folder_.parent_path();
      } else if (!name.empty() && name != "." && !is_certain_step(name)) {
        return false;
      }
    }
    return true;
  }

 private:
  void enter(const fs::path& path) {
    if (path.is_absolute()) folder_ = "/";
    const fs::path names = path.relative_path();
    left_.insert(left_.end(), names.begin(), names.end());
    std::reverse(left_.end() - std::distance(names.begin(), names.end()), left_.end());
  }

  bool is_certain_step(const fs::path& name) {
    const Rights rights = rights_to(folder_, account_);
    if (rights == Rights::of_others) return false;
    const fs::path entry = folder_ / name;
    struct stat found {};
    const bool exists = ::lstat(entry.c_str(), &found) == 0;
    // Of files and links in a shared folder anybody may have made a second name there.
    if (rights == Rights::shared && !(exists && S_ISDIR(found.st_mode) && found.st_uid == 0)) return false;
    if (exists && S_ISLNK(found.st_mode)) return is_certain_link(entry);
    if (!exists) left_.clear();  // and only root can make it
    folder_ = entry;
    return true;
  }

  bool is_certain_link(const fs::path& link) {
    std::error_code failed;
    const fs::path target = fs::read_symlink(link, failed);
    if (failed || ++links_ > kMostLinks) return false;
    const bool is_open_file = folder_.filename() == "fd" && is_in_proc(folder_);
    if (is_open_file) return left_.empty();
    enter(target);
    return true;
  }

  const Account& account_;
  fs::path folder_ = "/";
  std::vector<fs::path> left_;  // the next name last
  unsigned links_ = 0;
};

}  // namespace

bool can_redirect(const Account& account, const std::string& path) {
  std::error_code failed;
  const fs::path absolute = fs::absolute(path, failed);
  return failed || !Walk(account).is_certain(absolute);
}

}  // namespace askr
