// SourceWatch: notices when source files of the application change, for --watch.
//
// inotify on every folder of the application except those that tools and the application itself write to. The
// descriptor is also looked at by workers (Exchange::watch_changes): it is readable from the moment a file was written,
// so no request that comes after a save is served by the old code, however slow the master is to notice.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace askr::process {

class SourceWatch final : public Watcher {
 public:
  struct Events {
    std::function<void()> before_look;          // something was written: hold everything
    std::function<void(bool relevant)> looked;  // was it a source?
  };
  SourceWatch(EventLoop& loop, Events events);
  ~SourceWatch();

  // Watches this folder and those below, instead of what was watched before. Error: no inotify, or too many folders.
  Result<> follow(const std::string& folder);
  [[nodiscard]] int descriptor() const { return inotify_.get(); }
  [[nodiscard]] size_t folders() const { return folders_.size(); }
  void on_ready(uint32_t events) override;

  // Would a change of that file matter?
  static bool is_source(std::string_view name);
  static bool is_watched_folder(std::string_view name);

 private:
  Result<> add_tree(const std::string& folder);

  EventLoop& loop_;
  Events events_;
  UniqueFd inotify_;
  std::map<int, std::string> folders_;  // by watch
};

// The folder of the application: app_base, else what holds a root called public, web or the like, else the root.
std::string application_folder(const std::string& app_base, const std::string& root);

}  // namespace askr::process
