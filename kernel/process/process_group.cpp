#include "process/process_group.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/fd.hpp"
#include "process/spawn.hpp"

namespace askr::process {
namespace {

struct Facts {
  char state = 'X';
  pid_t group = 0;
};

// "4711 (name) S 1 4711 ...": the name may contain anything.
Facts facts_of(const char* pid) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%s/stat", pid);
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  char text[512];
  const ssize_t size = file ? ::read(file.get(), text, sizeof text - 1) : 0;
  text[size > 0 ? size : 0] = '\0';
  Facts facts;
  const char* name_end = std::strrchr(text, ')');
  if (name_end != nullptr) std::sscanf(name_end + 1, " %c %*d %d", &facts.state, &facts.group);
  return facts;
}

bool is_alive(const Facts& facts) {
  return facts.state != 'Z' && facts.state != 'X';
}

}  // namespace

std::vector<pid_t> members_of_group(pid_t group) {
  std::vector<pid_t> members;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return members;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) continue;
    const Facts facts = facts_of(entry->d_name);
    if (facts.group == group && is_alive(facts)) members.push_back(pid);
  }
  ::closedir(folder);
  return members;
}

class GroupEnding::Member final : public Watcher {
 public:
  Member(GroupEnding& ending, UniqueFd pidfd) : ending_(ending), pidfd_(std::move(pidfd)) {
    watched_ = static_cast<bool>(ending_.loop_.add(pidfd_.get(), EPOLLIN, *this));
  }
  ~Member() {
    if (watched_) ending_.loop_.remove(pidfd_.get());
  }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  void on_ready(uint32_t /*events*/) override {
    ending_.loop_.remove(pidfd_.get());
    watched_ = false;
    ending_.on_member_end();
  }
  [[nodiscard]] bool is_watched() const { return watched_; }

 private:
  GroupEnding& ending_;
  UniqueFd pidfd_;
  bool watched_ = false;
};

GroupEnding::GroupEnding(EventLoop& loop, Alarms& alarms, pid_t group, std::function<void()> on_ended)
    : loop_(loop), alarms_(alarms), group_(group), on_ended_(std::move(on_ended)) {}

GroupEnding::~GroupEnding() {
  *alive_ = false;
}

void GroupEnding::start() {
  ::kill(-group_, SIGTERM);
  alarms_.at(monotonic_now() + kGrace, [this, alive = alive_] {
    if (*alive) ::kill(-group_, SIGKILL);
  });
  look();
}

// Those that are there now; when they have ended, those that they have started meanwhile.
void GroupEnding::look() {
  gone_ = std::exchange(members_, {});  // one of them may be in the middle of telling
  waiting_for_ = 0;
  for (const pid_t pid : members_of_group(group_)) {
    UniqueFd pidfd = open_pidfd(pid);
    if (!pidfd) continue;
    members_.push_back(std::make_unique<Member>(*this, std::move(pidfd)));
    if (members_.back()->is_watched()) ++waiting_for_;
  }
  if (waiting_for_ > 0) return;
  const std::function<void()> on_ended = std::move(on_ended_);
  on_ended();
}

void GroupEnding::on_member_end() {
  if (--waiting_for_ > 0) return;
  alarms_.at(0, [this, alive = alive_] {
    if (*alive) look();
  });
}

}  // namespace askr::process
