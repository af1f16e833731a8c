#include "process/source_watch.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <utility>

namespace askr::process {
namespace {

constexpr uint32_t kChanges = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;

constexpr std::array<std::string_view, 18> kSources = {".php",  ".inc", ".phtml", ".twig", ".yaml", ".yml",
                                                       ".json", ".xml", ".ini",   ".toml", ".neon", ".latte",
                                                       ".tpl",  ".mo",  ".po",    ".lock", ".html", ".module"};
// Written by tools, or by the application while it runs.
constexpr std::array<std::string_view, 10> kLeftOut = {"node_modules", "storage", "cache", "var",     "tmp",
                                                       "temp",         "logs",    "log",   "uploads", "sessions"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool is_folder(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

}  // namespace

bool SourceWatch::is_source(std::string_view name) {
  if (name.starts_with(".env")) return true;
  const size_t dot = name.rfind('.');
  return dot != std::string_view::npos && dot > 0 && contains(kSources, name.substr(dot));
}

bool SourceWatch::is_watched_folder(std::string_view name) {
  return !name.starts_with('.') && !contains(kLeftOut, name);
}

SourceWatch::SourceWatch(EventLoop& loop, Events events) : loop_(loop), events_(std::move(events)) {}

SourceWatch::~SourceWatch() {
  if (inotify_) loop_.remove(inotify_.get());
}

// The descriptor stays the same, because workers have it too.
Result<> SourceWatch::follow(const std::string& folder) {
  if (!inotify_) {
    inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify_) return system_error("reload.watch: cannot watch files");
    ASKR_TRY(loop_.add(inotify_.get(), EPOLLIN, *this));
  }
  std::map<int, std::string> before = std::exchange(folders_, {});
  ASKR_TRY(add_tree(folder));
  for (const auto& [watch, path] : before) {
    if (!folders_.contains(watch)) ::inotify_rm_watch(inotify_.get(), watch);
  }
  return ok();
}

// Links are not followed: they may lead in circles, and what they lead to is often not the application's.
Result<> SourceWatch::add_tree(const std::string& folder) {
  const int watch = ::inotify_add_watch(inotify_.get(), folder.c_str(), kChanges);
  if (watch < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return ok();  // it has gone since it was listed
    const char* hint = errno == ENOSPC ? " (raise fs.inotify.max_user_watches)" : "";
    return system_error("reload.watch: cannot watch " + folder + hint);
  }
  folders_[watch] = folder;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (!entry.is_directory(ignored) || entry.is_symlink(ignored)) continue;
    if (is_watched_folder(entry.path().filename().native())) ASKR_TRY(add_tree(entry.path()));
  }
  return ok();
}

void SourceWatch::on_ready(uint32_t /*events*/) {
  events_.before_look();
  bool relevant = false;
  alignas(inotify_event) std::array<char, 16384> buffer;
  ssize_t got = 0;
  while ((got = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0) {
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += static_cast<ssize_t>(sizeof(inotify_event)) + event->len;
      const std::string_view name(event->name, event->len > 0 ? ::strnlen(event->name, event->len) : 0);
      if ((event->mask & IN_ISDIR) == 0) {
        relevant = relevant || is_source(name) || (event->mask & IN_Q_OVERFLOW) != 0;
      } else if (is_watched_folder(name)) {
        const auto parent = folders_.find(event->wd);
        const std::string path = parent == folders_.end() ? "" : parent->second + "/" + std::string(name);
        if (!path.empty() && is_folder(path)) static_cast<void>(add_tree(path));
        relevant = true;  // it may have come, or gone, with sources in it
      }
      if ((event->mask & IN_IGNORED) != 0) folders_.erase(event->wd);
    }
  }
  events_.looked(relevant);
}

std::string application_folder(const std::string& app_base, const std::string& root) {
  if (!app_base.empty()) return app_base;
  static constexpr std::array<std::string_view, 6> kPublic = {"public", "web", "www", "htdocs", "webroot", "pub"};
  const std::filesystem::path path(root);
  return contains(kPublic, path.filename().native()) ? path.parent_path().string() : root;
}

}  // namespace askr::process
