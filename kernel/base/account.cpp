#include "base/account.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/log.hpp"

namespace askr {
namespace {

// -1 is what the system calls take for "as it is".
bool read_id(const std::string& text, uint32_t& id) {
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, id);
  return parsed.ec == std::errc() && parsed.ptr == end && id != UINT32_MAX;
}

std::vector<gid_t> groups_of(const std::string& user, gid_t group) {
  int count = 0;
  ::getgrouplist(user.c_str(), group, nullptr, &count);
  std::vector<gid_t> groups(static_cast<size_t>(count));
  if (::getgrouplist(user.c_str(), group, groups.data(), &count) < 0) return {group};
  return groups;
}

Result<gid_t> find_group(const std::string& group) {
  if (const struct group* found = ::getgrnam(group.c_str())) return found->gr_gid;
  gid_t id = 0;
  if (read_id(group, id)) return id;
  return usage_error("there is no group \"" + group + "\" here");
}

[[noreturn]] void give_up(const char* what) {
  log::error("{}", system_error(std::string("cannot change to another user: ") + what).message);
  ::_exit(1);
}

void must(int outcome, const char* what) {
  if (outcome != 0) give_up(what);
}

// Leaving user 0 takes the others; these would come back with programs that are started.
void drop_inheritable_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  must(static_cast<int>(::syscall(SYS_capset, &header, none)), "capset");
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

}  // namespace

Result<Account> find_account(const std::string& user, const std::string& group) {
  const passwd* found = ::getpwnam(user.c_str());
  uid_t id = 0;
  if (found == nullptr && read_id(user, id)) found = ::getpwuid(id);
  Account account;
  if (found != nullptr) {
    account = {found->pw_uid, found->pw_gid, {}, found->pw_name, found->pw_dir};
  } else if (!read_id(user, account.user)) {
    return usage_error("there is no user \"" + user + "\" here");
  } else if (group.empty()) {
    return usage_error("user " + user + " has no entry in the list of users: name a group as well (server.group)");
  }
  const bool has_entry = !account.name.empty();
  if (!has_entry) account.name = user;
  if (!group.empty()) account.group = ASKR_TRY(find_group(group));
  account.groups = has_entry ? groups_of(account.name, account.group) : std::vector<gid_t>{account.group};
  return account;
}

void become(const Account* account) {
  if (account == nullptr) return;
  must(::setgroups(account->groups.size(), account->groups.data()), "setgroups");
  must(::setresgid(account->group, account->group, account->group), "setresgid");
  must(::setresuid(account->user, account->user, account->user), "setresuid");
  if (account->user != 0) drop_inheritable_capabilities();
  // What a process of its own may look at in /proc: its descriptors, its memory. The change of user has taken that.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  ::setenv("USER", account->name.c_str(), 1);
  if (!account->home.empty()) ::setenv("HOME", account->home.c_str(), 1);
}

// Only the effective ids: by the real ones it stays root's, so that nobody else can send it signals or look into it.
ActingAs::ActingAs(const Account* account) : acts_(account != nullptr) {
  if (!acts_) return;
  ::prctl(PR_GET_PDEATHSIG, &death_signal_);
  group_ = ::getegid();
  groups_.resize(static_cast<size_t>(std::max(0, ::getgroups(0, nullptr))));
  must(::getgroups(static_cast<int>(groups_.size()), groups_.data()) < 0 ? -1 : 0, "getgroups");
  must(::setgroups(account->groups.size(), account->groups.data()), "setgroups");
  must(::setegid(account->group), "setegid");
  must(::seteuid(account->user), "seteuid");
}

ActingAs::~ActingAs() {
  if (!acts_) return;
  must(::seteuid(0), "seteuid");
  must(::setegid(group_), "setegid");
  must(::setgroups(groups_.size(), groups_.data()), "setgroups");
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  ::prctl(PR_SET_PDEATHSIG, death_signal_);
}

}  // namespace askr
