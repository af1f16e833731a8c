// [server] user and group, as an account of this machine.
#pragma once

#include <optional>

#include "base/account.hpp"
#include "config/load.hpp"

namespace askr::config {

// None: all processes stay what starts them. Error: one line for each mistake, exit code 2.
Result<std::optional<Account>> find_account(const Loaded& loaded);

// PHP runs as root with these settings.
bool runs_php_as_root(const Settings& settings);

// Error: there is an account, and only root can become it.
Result<> check_right_to_change_user(const Loaded& loaded);

}  // namespace askr::config
