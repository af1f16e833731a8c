// The account that everything but the master runs as when the server is started by root: [server] user and group.
//
// The master stays root for what only root may do: ports below 1024, keys, logs. It never runs PHP and reads nothing
// that came over the network. All others become the account right after their fork, for good.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.hpp"

namespace askr {

struct Account {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;  // the group, and the others that the user is a member of
  std::string name, home;     // name: as it was written where the user has no entry in the list of users
};

// `user` and `group` are names or numbers; without a group it is the user's own. Error: there is no such user or group,
// to follow the name of the setting.
Result<Account> find_account(const std::string& user, const std::string& group);

// In a new child of root: this process is of that account from here on, with no capability left and with USER and HOME
// as of the account. Its parent-death signal has to be set after this: the kernel forgets it. nullptr: nothing changes.
// Ends the process when the system refuses.
void become(const Account* account);

// What root does in the account's place as long as this lives: looks whether the account may, and makes and removes
// files where the account can put links in its way. nullptr: nothing changes. Other processes of the account cannot
// send signals to this one meanwhile.
class ActingAs {
 public:
  explicit ActingAs(const Account* account);
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

 private:
  bool acts_ = false;
  gid_t group_ = 0;
  std::vector<gid_t> groups_;
  int death_signal_ = 0;
};

}  // namespace askr
