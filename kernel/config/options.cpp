#include "config/options.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "config/quote.hpp"
#include "config/sidecar.hpp"
#include "config/values.hpp"

namespace askr::config {
namespace {

template <class Predicate>
const Option* find_if(Predicate predicate) {
  const std::span<const Option> all = options();
  const auto found = std::find_if(all.begin(), all.end(), predicate);
  return found == all.end() ? nullptr : &*found;
}

std::string address_list(const std::vector<ListenAddress>& addresses) {
  std::vector<std::string> texts;
  texts.reserve(addresses.size());
  for (const ListenAddress& address : addresses) texts.push_back(address.text());
  return quoted_list(texts);
}

std::string format_number(Kind kind, uint64_t number) {
  if (kind == Kind::boolean) return number != 0 ? "true" : "false";
  if (kind == Kind::duration) return quote(format_duration(static_cast<int64_t>(number)));
  if (kind == Kind::size) return quote(format_size(number));
  if (kind == Kind::mode) return quote(format_mode(number));
  if (kind == Kind::count_or_auto && number == 0) return quote("auto");
  return fmt::format("{}", number);
}

}  // namespace

std::string_view Option::section() const {
  return path.substr(0, path.find('.'));
}

std::string_view Option::key() const {
  return path.substr(path.find('.') + 1);
}

std::string environment_name(std::string_view path) {
  std::string name = "ASKR_";
  for (char c : path) name += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

bool Option::is_list() const {
  return kind == Kind::addresses || kind == Kind::networks || kind == Kind::texts || kind == Kind::paths ||
         kind == Kind::sidecars;
}

Field Option::field(Settings& settings) const {
  if (member != nullptr) return member(settings);
  PluginValue& value = settings.plugin_values[plugin_value];
  if (is_list()) return &value.list;
  if (kind == Kind::text || kind == Kind::path || kind == Kind::choice) return &value.text;
  return &value.number;
}

std::string Option::default_value() const {
  if (!default_text.empty()) return std::string(default_text);
  if (member == nullptr)
    return kind == Kind::boolean ? "false" : is_list() || kind == Kind::text || kind == Kind::path ? "none" : "0";
  Settings settings;
  std::string text = format_field(*this, settings);
  std::erase(text, '"');
  return text;
}

const Option* find_option(std::string_view path) {
  return find_if([&](const Option& option) { return option.path == path; });
}

const Option* find_flag(std::string_view flag) {
  return find_if([&](const Option& option) { return option.flag == flag; });
}

std::vector<std::string> option_paths() {
  std::vector<std::string> paths;
  for (const Option& option : options()) paths.emplace_back(option.path);
  return paths;
}

std::vector<std::string> option_flags() {
  std::vector<std::string> flags;
  for (const Option& option : options()) flags.emplace_back(option.flag);
  return flags;
}

std::string format_field(const Option& option, Settings& settings) {
  struct Formatter {
    Kind kind;
    std::string operator()(const std::string* text) const { return quote(*text); }
    std::string operator()(const bool* on) const { return format_number(kind, *on ? 1 : 0); }
    std::string operator()(const unsigned* number) const { return format_number(kind, *number); }
    std::string operator()(const uint64_t* number) const { return format_number(kind, *number); }
    std::string operator()(const int64_t* number) const { return format_number(kind, static_cast<uint64_t>(*number)); }
    std::string operator()(const std::vector<std::string>* items) const { return quoted_list(*items); }
    std::string operator()(const std::vector<ListenAddress>* items) const { return address_list(*items); }
    std::string operator()(const std::vector<SidecarSettings>* items) const { return format_sidecars(*items); }
  };
  if (option.secret) return quote("***");
  return std::visit(Formatter{option.kind}, option.field(settings));
}

}  // namespace askr::config
