#include "cli/framework.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/file_access.hpp"

namespace askr::cli {
namespace {

bool exists(const std::string& path) {
  return may_access(path, F_OK);
}

std::string parent_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

// SimpleSAMLphp, for one, is built of Symfony's parts and has another layout.
bool is_symfony(const std::string& folder) {
  if (exists(folder + "/src/SimpleSAML")) return false;
  if (exists(folder + "/config/bundles.php")) return true;
  return exists(folder + "/vendor/symfony/framework-bundle") && exists(folder + "/src/Kernel.php");
}

// WordPress and MediaWiki are served from their own folder, or from one below the root (/blog, /wiki).
Framework detect_in(const std::string& folder) {
  if (exists(folder + "/artisan") && exists(folder + "/bootstrap/app.php")) return Framework::laravel;
  if (is_symfony(folder)) return Framework::symfony;
  if (exists(folder + "/wp-includes/version.php")) return Framework::wordpress;
  if (exists(folder + "/includes/WebStart.php") && exists(folder + "/api.php")) return Framework::mediawiki;
  return Framework::unknown;
}

std::string strip(std::string text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.back())) text.pop_back();
  while (!text.empty() && is_space(text.front())) text.erase(0, 1);
  const bool quoted = text.size() > 1 && (text[0] == '"' || text[0] == '\'') && text.back() == text[0];
  return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

Application find_application(const std::string& root) {
  for (const std::string& folder : {root, parent_of(root)}) {
    const Framework framework = detect_in(folder);
    if (framework != Framework::unknown) return {folder, framework};
  }
  const bool project_above = !exists(root + "/composer.json") && exists(parent_of(root) + "/composer.json");
  return {project_above ? parent_of(root) : root, Framework::unknown};
}

std::string_view framework_name(Framework framework) {
  switch (framework) {
    case Framework::laravel:
      return "Laravel";
    case Framework::symfony:
      return "Symfony";
    case Framework::wordpress:
      return "WordPress";
    case Framework::mediawiki:
      return "MediaWiki";
    case Framework::unknown:
      break;
  }
  return "no framework that doctor knows";
}

std::string dotenv_value(const std::string& file, const std::string& name) {
  std::ifstream stream(file);
  std::string value;
  for (std::string line; std::getline(stream, line);) {
    line = strip(line);
    if (line.starts_with("export ")) line = strip(line.substr(7));
    const size_t equals = line.find('=');
    if (equals == std::string::npos || strip(line.substr(0, equals)) != name) continue;
    std::string text = line.substr(equals + 1);
    const size_t comment = text.find(" #");
    if (comment != std::string::npos) text.resize(comment);
    value = strip(text);
  }
  return value;
}

}  // namespace askr::cli
