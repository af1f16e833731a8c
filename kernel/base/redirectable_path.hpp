// Whether somebody could make a path lead to a file of his choice. Root writes to no such path in its own name.
#pragma once

#include <string>

#include "base/account.hpp"

namespace askr {

// False: each folder on the way, those that links lead through included, is root's, and the account cannot write to it;
// what the path names now it still names later. In a folder that all may write to, such as /tmp, that holds for
// the folders of root alone. Links of /proc, as behind /dev/stdout, are this process's own. Called as root.
bool can_redirect(const Account& account, const std::string& path);

}  // namespace askr
