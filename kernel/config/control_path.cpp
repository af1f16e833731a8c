#include "config/control_path.hpp"

#include <dirent.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace askr::config {
namespace {

constexpr size_t kLongestSocketPath = 107;
constexpr std::string_view kSuffix = ".sock";

// FNV-1a: tells long addresses apart after they were cut.
uint64_t hash(std::string_view text) {
  uint64_t value = 14695981039346656037ULL;
  for (unsigned char c : text) value = (value ^ c) * 1099511628211ULL;
  return value;
}

std::string file_name(const ListenAddress& address, size_t room) {
  const std::string text = address.text();
  std::string name = text;
  for (char& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
    if (!plain) c = '-';
  }
  if (name.size() + kSuffix.size() <= room) return name.append(kSuffix);
  return fmt::format("{:016x}{}", hash(text), kSuffix);
}

}  // namespace

std::string runtime_folder() {
  if (geteuid() == 0) return "/run/askr";
  const char* user_folder = std::getenv("XDG_RUNTIME_DIR");
  if (user_folder != nullptr && user_folder[0] == '/') return std::string(user_folder) + "/askr";
  return fmt::format("/tmp/askr-{}", geteuid());
}

Result<> prepare_runtime_folder() {
  const std::string folder = runtime_folder();
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return system_error("cannot make " + folder);
  struct stat status {};
  if (lstat(folder.c_str(), &status) != 0) return system_error("cannot read " + folder);
  if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 022) != 0) {
    return Error{folder + " is not a folder that only this user may write; remove it or set server.control"};
  }
  return ok();
}

std::string control_path(const Settings& settings) {
  if (!settings.server.control.empty()) return settings.server.control;
  const std::string folder = runtime_folder() + "/";
  const size_t room = kLongestSocketPath - std::min(folder.size(), kLongestSocketPath);
  return folder + file_name(settings.server.listen.front(), room);
}

std::vector<std::string> control_sockets() {
  std::vector<std::string> paths;
  const std::string path = runtime_folder();
  DIR* folder = opendir(path.c_str());
  if (folder == nullptr) return paths;
  while (const dirent* entry = readdir(folder)) {
    if (std::string_view(entry->d_name).ends_with(kSuffix)) paths.push_back(path + "/" + entry->d_name);
  }
  closedir(folder);
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace askr::config
