// The script of a request as a file: is it there, and which directory is it in.
#pragma once

#include <string>

namespace askr::php {

enum class ScriptCheck { ready, missing, denied };

// Looks at the file at most once a second per path, so a busy script costs no system call.
ScriptCheck check_script(const std::string& path);

// Makes the directory of `path` the working directory, as php-fpm does for each request. Costs no system call when it
// is already, also after a script called chdir().
void enter_directory_of(const std::string& path);

// Puts a note-taker in front of PHP's chdir(). Called once, after PHP has started.
void watch_directory_changes();

}  // namespace askr::php
