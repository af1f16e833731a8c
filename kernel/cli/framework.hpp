// What kind of application lives around a document root.
#pragma once

#include <string>

namespace askr::cli {

enum class Framework { unknown, laravel, symfony, wordpress, mediawiki };

struct Application {
  std::string base;  // the project's folder: the root itself or the folder above it
  Framework framework = Framework::unknown;
};

// Looks at well-known files only.
Application find_application(const std::string& root);
std::string_view framework_name(Framework framework);

// The value of `name` in a .env file ("NAME=value", quotes taken off, comments left out); empty when absent.
std::string dotenv_value(const std::string& file, const std::string& name);

}  // namespace askr::cli
