#include "process/upload_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "php/runtime.hpp"

namespace askr::process {
namespace {

constexpr std::string_view kPrefix = "askr-uploads-";
constexpr std::string_view kRandom = "XXXXXX";

enum class Lock : uint8_t { ours, others, unknown };  // unknown: NFS, for one, has no locks on folders

UniqueFd open_folder(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

Lock try_lock(const UniqueFd& folder) {
  if (::flock(folder.get(), LOCK_EX | LOCK_NB) == 0) return Lock::ours;
  return errno == EWOULDBLOCK ? Lock::others : Lock::unknown;
}

void remove_tree(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);  // follows no symbolic links
}

bool has_our_name(std::string_view name) {
  return name.size() == kPrefix.size() + kRandom.size() && name.starts_with(kPrefix);
}

void remove_if_stale(const std::string& path) {
  const UniqueFd folder = open_folder(path);
  struct stat facts {};
  if (!folder || ::fstat(folder.get(), &facts) != 0 || facts.st_uid != ::geteuid()) return;
  if (try_lock(folder) == Lock::ours) remove_tree(path);
}

void remove_stale_folders(const std::string& spool_dir) {
  std::error_code error;
  std::filesystem::directory_iterator entry(spool_dir, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (has_our_name(entry->path().filename().native())) remove_if_stale(entry->path().native());
  }
}

}  // namespace

Result<std::unique_ptr<UploadFolder>> UploadFolder::create(const std::string& spool_dir, const Account* account) {
  const ActingAs acting(account);
  remove_stale_folders(spool_dir);
  for (;;) {
    std::string path = spool_dir + "/" + std::string(kPrefix) + std::string(kRandom);
    if (::mkdtemp(path.data()) == nullptr) {
      return system_error("cannot make a folder for uploads in " + spool_dir + " (see server.spool_dir)");
    }
    UniqueFd folder = open_folder(path);
    // Another server that starts just now may take it for stale until it is locked.
    if (try_lock(folder) == Lock::others || ::access(path.c_str(), F_OK) != 0) continue;
    return std::unique_ptr<UploadFolder>(new UploadFolder(std::move(path), std::move(folder), account));
  }
}

UploadFolder::~UploadFolder() {
  const ActingAs acting(account_);
  remove_tree(path_);
}

void UploadFolder::remove_of_worker(uint32_t index) const {
  const ActingAs acting(account_);
  remove_tree(php::worker_upload_dir(path_, index));
}

}  // namespace askr::process
