#include "base/redirectable_path.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

namespace fs = std::filesystem;
using askr::can_redirect;

constexpr uid_t kUser = 4711;

// /tmp/askr-path-...: of root, and open to all for looking.
struct Folder {
  std::string path = [] {
    std::string name = "/tmp/askr-path-XXXXXX";
    return std::string(::mkdtemp(name.data()));
  }();
  Folder() { ::chmod(path.c_str(), 0755); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }

  [[nodiscard]] std::string make(const std::string& name, mode_t mode, uid_t owner = 0, gid_t group = 0) const {
    const std::string made = path + "/" + name;
    REQUIRE(::mkdir(made.c_str(), 0700) == 0);
    REQUIRE(::chmod(made.c_str(), mode) == 0);
    REQUIRE(::chown(made.c_str(), owner, group) == 0);
    return made;
  }
};

bool only_root_can(const std::string& path) {
  const askr::Account account{kUser, kUser, {kUser, 4712}, "somebody", "/"};
  return !can_redirect(account, path);
}

}  // namespace

TEST_CASE("a path through folders of root leads where it leads") {
  if (::geteuid() != 0) return;
  const Folder folder;
  const std::string logs = folder.make("logs", 0750);
  CHECK(only_root_can(logs + "/log"));  // is not there yet
  std::ofstream(logs + "/log") << "x";
  CHECK(only_root_can(logs + "/log"));
  CHECK(only_root_can(logs + "/.././/logs/log"));
  CHECK(only_root_can(logs + "/missing/log"));
  CHECK(only_root_can(folder.make("of-others-group", 0770, 0, 4999) + "/log"));
}

TEST_CASE("a path through a folder that the user can change does not") {
  if (::geteuid() != 0) return;
  const Folder folder;
  CHECK_FALSE(only_root_can(folder.make("own", 0500, kUser) + "/log"));
  CHECK_FALSE(only_root_can(folder.make("by-group", 0770, 0, 4712) + "/log"));
  CHECK_FALSE(only_root_can(folder.make("by-all", 0777) + "/log"));
  CHECK_FALSE(only_root_can(folder.make("somebody-elses", 0700, 4713) + "/log"));
  const std::string inner = folder.path + "/own/inner";
  REQUIRE(::mkdir(inner.c_str(), 0700) == 0);
  CHECK_FALSE(only_root_can(inner + "/log"));
}

TEST_CASE("in a folder that all may write to, only folders of root are certain") {
  if (::geteuid() != 0) return;
  const Folder folder;
  const std::string shared = folder.make("shared", 01777);
  REQUIRE(::mkdir((shared + "/root").c_str(), 0700) == 0);
  CHECK(only_root_can(shared + "/root/log"));
  CHECK_FALSE(only_root_can(shared + "/log"));
  std::ofstream(shared + "/file") << "x";
  CHECK_FALSE(only_root_can(shared + "/file"));
  fs::create_symlink(shared + "/root", shared + "/link");
  CHECK_FALSE(only_root_can(shared + "/link/log"));
}

TEST_CASE("links are followed, and looked at on their way") {
  if (::geteuid() != 0) return;
  const Folder folder;
  const std::string disk = folder.make("disk", 0700);
  const std::string own = folder.make("own", 0700, kUser);
  fs::create_symlink(disk, folder.path + "/to-disk");
  fs::create_symlink("disk", folder.path + "/relative");
  fs::create_symlink(own, folder.path + "/to-own");
  fs::create_symlink(disk, own + "/to-disk");
  fs::create_symlink("../own/to-disk", folder.path + "/disk/around");
  fs::create_symlink("circle", folder.path + "/circle");
  CHECK(only_root_can(folder.path + "/to-disk/log"));
  CHECK(only_root_can(folder.path + "/relative/log"));
  CHECK_FALSE(only_root_can(folder.path + "/to-own/log"));
  CHECK_FALSE(only_root_can(own + "/to-disk/log"));
  CHECK_FALSE(only_root_can(folder.path + "/relative/around/log"));
  CHECK_FALSE(only_root_can(folder.path + "/circle/log"));
}

TEST_CASE("what this process has open is its own, and no way to somewhere else") {
  if (::geteuid() != 0) return;
  const Folder folder;
  CHECK(only_root_can("/dev/stdout"));
  CHECK(only_root_can("/proc/self/fd/2"));
  CHECK(only_root_can("/dev/null"));
  const int opened = ::open(folder.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK_FALSE(only_root_can("/proc/self/fd/" + std::to_string(opened) + "/log"));
  ::close(opened);
}
