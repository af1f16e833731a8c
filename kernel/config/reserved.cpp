#include "config/reserved.hpp"

#include <algorithm>

#include "config/options.hpp"

namespace askr::config {
namespace {

constexpr std::string_view kSections[] = {"cache", "broadcast", "pusher", "record", "tls", "admin"};
constexpr std::string_view kFlags[] = {"--response-cache",  "--cache-slots",   "--broadcast", "--pusher",
                                       "--pusher-secret",   "--record-errors", "--tls-cert",  "--tls-key",
                                       "--tls-self-signed", "--admin"};
constexpr std::string_view kSecrets[] = {"ASKR_ADMIN_TOKEN", "ASKR_PUSHER_SECRET"};

template <size_t N>
bool contains(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// A section is reserved as long as no plugin has options in it.
bool is_reserved_section(std::string_view section) {
  const auto all = options();
  return contains(kSections, section) &&
         std::none_of(all.begin(), all.end(), [&](const Option& option) { return option.section() == section; });
}

}  // namespace

bool is_reserved_path(std::string_view path) {
  return is_reserved_section(path.substr(0, path.find('.')));
}

bool is_reserved_flag(std::string_view flag) {
  return contains(kFlags, flag);
}

bool is_reserved_environment(std::string_view name) {
  if (contains(kSecrets, name)) return false;
  const auto in_section = [&](std::string_view section) {
    return is_reserved_section(section) && name.starts_with(environment_name(section) + '_');
  };
  return std::any_of(std::begin(kSections), std::end(kSections), in_section);
}

}  // namespace askr::config
