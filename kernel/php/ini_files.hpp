// The php.ini files that PHP should have read. It goes on without a word when it may not open one, and runs on built-in
// defaults then: no disable_functions, no open_basedir, no extension of conf.d.
#pragma once

#include <string>
#include <vector>

namespace askr::php {

// Files and folders that are there and may not be read, each with the reason: "/etc/php/8.2/embed/conf.d: Permission
// denied". Call after start_runtime().
std::vector<std::string> unread_ini_files();

// A line for each of them.
void warn_about_unread_ini_files(std::vector<std::string>& warnings);

}  // namespace askr::php
