// php.ini: what Askr adds to the files of the system, and what went wrong in them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "php/options.hpp"
#include "php/zend.hpp"

namespace askr::php {

// Lines that PHP reads after its files: ours, then those of the operator, one each. `preload_script`: for opcache, may
// be empty.
std::string compose_ini(const RuntimeOptions& options, const std::string& preload_script = {});

// Values for settings that no file and no line sets.
extern "C" void askr_php_ini_defaults(HashTable* configuration);

// Looks through what PHP wrote while it started. Error: a syntax error in a file or a line, named. Anything else that
// is worth acting on is appended to `warnings`.
Result<> judge_startup_output(std::string_view output, const RuntimeOptions& options,
                              std::vector<std::string>& warnings);

// Appends a warning for every line that sets something PHP does not know. Call after start-up.
void warn_about_unknown_settings(const RuntimeOptions& options, std::vector<std::string>& warnings);

// Appends a warning for a .user.ini in the document root or beside the front controller.
void warn_about_folder_settings(const RuntimeOptions& options, std::vector<std::string>& warnings);

}  // namespace askr::php
