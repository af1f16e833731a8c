#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/file_access.hpp"
#include "base/redirectable_path.hpp"
#include "config/account.hpp"

namespace askr::config {
namespace {

std::string folder_of(const std::string& path) {
  return path.substr(0, std::max<size_t>(path.rfind('/'), 1));
}

class FileChecker {
 public:
  // `account`: who will look for them, unless it is this process itself.
  FileChecker(const Loaded& loaded, const Account* account) : loaded_(loaded), account_(account) {}

  std::vector<std::string> run() {
    check_files_of_master();
    for_whom_ = account_ != nullptr ? " for " + account_->name : "";
    const ActingAs acting(account_);
    check_files_of_account();
    return std::move(problems_);
  }

 private:
  void check_files_of_master() {
    check_log("server.access_log", loaded_.settings.server.access_log);
    check_log("server.error_log", loaded_.settings.server.error_log);
    for_whom_.clear();
    check_control();
  }

  void check_files_of_account() {
    const Settings& settings = loaded_.settings;
    if (check_folder("server.root", settings.server.root, R_OK | X_OK)) check_front();
    check_folder("server.spool_dir", settings.server.spool_dir, W_OK | X_OK);
    if (settings.worker_mode()) check_file("worker.script", settings.worker.script);
    if (!settings.worker.preload_script.empty()) check_file("worker.preload_script", settings.worker.preload_script);
    if (!settings.worker.app_base.empty()) check_folder("worker.app_base", settings.worker.app_base, X_OK);
    if (!settings.queue.script.empty()) check_file("queue.script", settings.queue.script);
    if (!settings.scheduler.script.empty()) check_file("scheduler.script", settings.scheduler.script);
    for (const SidecarSettings& sidecar : settings.sidecars) check_folder("sidecar", sidecar.folder, X_OK);
  }

  // In worker mode every path that is no file belongs to the worker script. Without, a root that nobody named and that
  // has no front controller is a start in the wrong folder, which must not be served to anybody.
  void check_front() {
    const ServerSettings& server = loaded_.settings.server;
    const bool front_was_named = loaded_.origin("server.front").source != Source::default_value;
    const bool root_was_named = loaded_.origin("server.root").source != Source::default_value;
    const std::string front = server.root + "/" + server.front;
    if (loaded_.settings.worker_mode() || may_access(front, R_OK)) return;
    if (front_was_named || errno == EACCES) {  // one that PHP may not read would answer every page with 403
      check_file("server.front", front);
    } else if (!root_was_named) {
      problems_.push_back(
          fmt::format("no {} in {}: name the document root with --root DIR", server.front, server.root));
    } else if (!has_something_to_serve(server.root)) {
      add("server.root", fmt::format("{} has neither {} nor another file to serve", server.root, server.front));
    }
  }

  // A folder of scripts or static files needs no front controller; an empty one is a mistake.
  static bool has_something_to_serve(const std::string& root) {
    DIR* folder = opendir(root.c_str());
    if (folder == nullptr) return false;
    bool found = false;
    while (const dirent* entry = readdir(folder)) found = found || entry->d_name[0] != '.';
    closedir(folder);
    return found;
  }

  bool check_folder(std::string_view option, const std::string& path, int mode) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return add(option, path + ": " + why());
    if (!S_ISDIR(status.st_mode)) return add(option, path + " is not a folder");
    if (!may_access(path, mode)) return add(option, path + ": " + why());
    return true;
  }

  void check_log(std::string_view option, const std::string& path) {
    if (path.empty() || path == "-") return;
    const bool is_of_account = account_ != nullptr && can_redirect(*account_, path);
    const ActingAs acting(is_of_account ? account_ : nullptr);
    for_whom_ = is_of_account ? " for " + account_->name : "";
    struct stat status {};
    const bool exists = stat(path.c_str(), &status) == 0;
    if (exists && S_ISDIR(status.st_mode)) {
      add(option, path + " is a folder");
    } else if (exists && !may_access(path, W_OK)) {
      add(option, path + ": " + why());
    } else if (!exists) {
      if (!may_access(folder_of(path), W_OK | X_OK)) add(option, path + ": " + why());
    }
  }

  // Its folder is made at the start, not those above it; and what is there already is removed, so it must be a socket.
  void check_control() {
    const std::string& path = loaded_.settings.server.control;
    if (loaded_.origin("server.control").source == Source::default_value) return;
    struct stat status {};
    if (stat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode)) {
      add("server.control", path + " is there and is no socket");
      return;
    }
    const std::string folder = folder_of(path);
    const bool exists = may_access(folder, F_OK);
    check_folder("server.control", exists ? folder : folder_of(folder), W_OK | X_OK);
  }

  void check_file(std::string_view option, const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0 || !may_access(path, R_OK)) {
      add(option, path + ": " + why());
    } else if (!S_ISREG(status.st_mode)) {
      add(option, path + " is not a file");
    }
  }

  [[nodiscard]] std::string why() const {
    const int number = errno;
    return std::strerror(number) + (number == EACCES ? for_whom_ : "");
  }

  bool add(std::string_view option, const std::string& message) {
    problems_.push_back(describe_place(loaded_.origin(option), option) + message);
    return false;
  }

  const Loaded& loaded_;
  const Account* account_;
  std::string for_whom_;
  std::vector<std::string> problems_;
};

}  // namespace

Result<> check_files(const Loaded& loaded) {
  const std::optional<Account> account = ASKR_TRY(find_account(loaded));
  const bool can_act = account && ::geteuid() == 0;
  const std::vector<std::string> problems = FileChecker(loaded, can_act ? &*account : nullptr).run();
  if (problems.empty()) return ok();
  return join_problems(problems);
}

}  // namespace askr::config
