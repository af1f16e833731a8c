// PHP reads php.ini, the files of conf.d, and then a text that the SAPI hands over; the last one wins. Its parser tells
// of mistakes on standard error only and goes on with what it has understood. A server that starts with half of its
// configuration is worse than one that does not start, so that output is caught and judged here.
#include "php/ini.hpp"

#include <fmt/core.h>
#include <pwd.h>
#include <unistd.h>

#include <charconv>
#include <set>

namespace askr::php {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool is_setting(std::string_view line) {
  return !line.empty() && line[0] != ';' && line[0] != '[';
}

std::string_view setting_name(std::string_view line) {
  return trimmed(line.substr(0, line.find('=')));
}

// Bodies are bounded by the gateway before PHP sees them, so PHP's own limits follow the server's. They are complete
// by then too: a limit on the time to read them would only cost a timer per request. Settings of a folder are not read,
// and who asks PHP for the name of their files shall learn that.
std::vector<std::string> own_lines(const RuntimeOptions& options) {
  std::vector<std::string> lines = {"max_input_time=-1", "user_ini.filename="};
  if (options.max_body_size > 0) {
    lines.push_back(fmt::format("post_max_size={}", options.max_body_size));
    lines.push_back(fmt::format("upload_max_filesize={}", options.max_body_size));
  }
  if (!options.upload_dir.empty()) lines.push_back(fmt::format("upload_tmp_dir=\"{}\"", options.upload_dir));
  return lines;
}

// As root, PHP preloads only for a user that is named; a line of the operator would name one who cannot read the
// script.
std::string preload_lines(const std::string& script) {
  std::string lines = fmt::format("opcache.preload=\"{}\"\n", script);
  const passwd* user = ::geteuid() == 0 ? ::getpwuid(0) : nullptr;
  if (user != nullptr) lines += fmt::format("opcache.preload_user=\"{}\"\n", user->pw_name);
  return lines;
}

// "... in Unknown on line 5" counts in the composed text; says which line of the operator that is.
std::string name_line(std::string_view message, const RuntimeOptions& options) {
  constexpr std::string_view kOwnText = " in Unknown on line ";
  const auto at = message.find(kOwnText);
  if (at == std::string_view::npos) return std::string(message);
  const std::string_view number = message.substr(at + kOwnText.size());
  size_t line = 0;
  std::from_chars(number.data(), number.data() + number.size(), line);
  const size_t first = own_lines(options).size() + 1;
  if (line < first || options.ini.empty()) return std::string(message);
  const size_t index = std::min(line - first, options.ini.size() - 1);
  return fmt::format("{} in the ini line \"{}\"", message.substr(0, at), options.ini[index]);
}

}  // namespace

std::string compose_ini(const RuntimeOptions& options, const std::string& preload_script) {
  std::string text;
  for (const std::string& line : own_lines(options)) text += line + "\n";
  for (const std::string& line : options.ini) text += line + "\n";
  if (!preload_script.empty()) text += preload_lines(preload_script);
  return text;
}

// Errors are for the log, not for clients: what PHP's own production php.ini says, also where there is no php.ini.
extern "C" void askr_php_ini_defaults(HashTable* configuration) {
  zval value;
  ZVAL_NEW_STR(&value, zend_string_init("0", 1, true));
  zend_hash_str_update(configuration, "display_errors", sizeof("display_errors") - 1, &value);
}

Result<> judge_startup_output(std::string_view output, const RuntimeOptions& options,
                              std::vector<std::string>& warnings) {
  while (!output.empty()) {
    const auto end = std::min(output.find('\n'), output.size());
    const std::string_view line = trimmed(output.substr(0, end));
    output.remove_prefix(std::min(end + 1, output.size()));
    // The parser's own mark; everything else that PHP reports has a level in front ("PHP Warning:  ").
    constexpr std::string_view kParser = "PHP:  ";
    if (line.substr(0, kParser.size()) == kParser) {
      return usage_error("PHP configuration: " + name_line(line.substr(kParser.size()), options));
    }
    if (!line.empty()) warnings.emplace_back(line);
  }
  return ok();
}

void warn_about_unknown_settings(const RuntimeOptions& options, std::vector<std::string>& warnings) {
  for (const std::string& line : options.ini) {
    const std::string_view content = trimmed(line);
    if (!is_setting(content)) continue;
    const std::string_view name = setting_name(content);
    if (name == "extension" || name == "zend_extension") continue;
    if (zend_hash_str_exists(EG(ini_directives), name.data(), name.size())) continue;
    warnings.push_back(fmt::format("PHP knows no setting \"{}\" (ini line \"{}\")", name, line));
  }
}

// Firewalls of applications get in front of every script by such a file, and would be off without a word.
void warn_about_folder_settings(const RuntimeOptions& options, std::vector<std::string>& warnings) {
  const std::string front = options.root + '/' + options.front;
  std::set<std::string> folders{options.root};
  if (!options.front.empty()) folders.insert(front.substr(0, front.rfind('/')));
  for (const std::string& folder : folders) {
    const std::string file = folder + "/.user.ini";
    if (::access(file.c_str(), F_OK) != 0) continue;
    warnings.push_back(fmt::format("{} is not read: give PHP its settings with --ini or in conf.d", file));
  }
}

}  // namespace askr::php
