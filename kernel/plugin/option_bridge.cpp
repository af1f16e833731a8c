#include "plugin/option_bridge.hpp"

#include <fmt/core.h>

#include <cstring>
#include <deque>
#include <string>

#include "base/log.hpp"

namespace askr::plugin {
namespace {

using config::Kind;

Result<Kind> kind_of(const askr_option& option) {
  switch (option.kind) {
    case ASKR_OPTION_TEXT:
      return Kind::text;
    case ASKR_OPTION_PATH:
      return Kind::path;
    case ASKR_OPTION_BOOL:
      return Kind::boolean;
    case ASKR_OPTION_NUMBER:
      return Kind::number;
    case ASKR_OPTION_SIZE:
      return Kind::size;
    case ASKR_OPTION_DURATION:
      return Kind::duration;
    case ASKR_OPTION_CHOICE:
      return Kind::choice;
    case ASKR_OPTION_LIST:
      return Kind::texts;
    default:
      return Error{fmt::format("option {}: this server knows no kind {}", option.path, option.kind)};
  }
}

std::string_view text_of(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

// The table of a plugin that was built with other headers has entries of another size.
template <class Visitor>
Result<> for_each_option(const askr_descriptor& descriptor, Visitor&& visit) {
  const auto* entry = reinterpret_cast<const char*>(descriptor.options);
  for (uint32_t i = 0; i < descriptor.option_count; ++i, entry += descriptor.option_size) {
    ASKR_TRY(visit(*reinterpret_cast<const askr_option*>(entry)));
  }
  return ok();
}

// Texts that --help needs for ever.
std::string_view keep(std::string text) {
  static std::deque<std::string> kept;
  return kept.emplace_back(std::move(text));
}

bool is_set(const char* path, const config::Loaded& loaded) {
  const config::Option* option = config::find_option(path);
  if (option == nullptr || loaded.origin(path).source == config::Source::default_value) return false;
  config::Settings settings = loaded.settings;
  std::string value = config::format_field(*option, settings);
  std::erase(value, '"');
  return value != option->default_value();
}

Result<> check_names(const askr_option& option) {
  if (option.path == nullptr || option.flag == nullptr || option.help == nullptr) {
    return Error{"has an option without path, flag or help"};
  }
  const char* dot = std::strchr(option.path, '.');
  if (dot == nullptr || dot == option.path || dot[1] == '\0' || std::strncmp(option.flag, "--", 2) != 0) {
    return Error{fmt::format("option {} {}: expected a path such as section.key and a flag such as --key", option.path,
                             option.flag)};
  }
  if (config::find_option(option.path) != nullptr || config::find_flag(option.flag) != nullptr) {
    return Error{fmt::format("option {} ({}) is taken", option.path, option.flag)};
  }
  return ok();
}

config::Option translate(const askr_option& option, Kind kind, const Library& library, size_t value) {
  config::Option made{.path = option.path,
                      .flag = option.flag,
                      .placeholder = kind == Kind::boolean ? std::string_view() : text_of(option.placeholder),
                      .group = keep(fmt::format("Plugin {}", library.id())),
                      .kind = kind,
                      .member = nullptr,
                      .help = option.help,
                      .default_text = text_of(option.default_text),
                      .minimum = option.minimum,
                      .maximum = option.maximum,
                      .choices = text_of(option.choices)};
  made.plugin = library.descriptor->id;
  made.plugin_value = value;
  made.secret = (option.flags & ASKR_OPTION_SECRET) != 0;
  return made;
}

const config::PluginValue* value_of(const askr_configuration* self, const char* path) {
  // The interface is the first member of its view.
  return reinterpret_cast<const ConfigurationView*>(self)->find(path);
}

askr_str text_value(const askr_configuration* self, const char* path) {
  const config::PluginValue* value = value_of(self, path);
  return value == nullptr ? askr_str{} : askr_str{value->text.data(), value->text.size()};
}

int64_t number_value(const askr_configuration* self, const char* path) {
  const config::PluginValue* value = value_of(self, path);
  return value == nullptr ? 0 : value->number;
}

uint32_t list_size(const askr_configuration* self, const char* path) {
  const config::PluginValue* value = value_of(self, path);
  return value == nullptr ? 0 : static_cast<uint32_t>(value->list.size());
}

askr_str list_item(const askr_configuration* self, const char* path, uint32_t index) {
  const config::PluginValue* value = value_of(self, path);
  if (value == nullptr || index >= value->list.size()) return {};
  return {value->list[index].data(), value->list[index].size()};
}

}  // namespace

Result<> add_plugin_options(const std::vector<Library>& libraries) {
  size_t values = 0;
  for (const Library& library : libraries) {
    std::vector<config::Option> added;
    const auto done = for_each_option(*library.descriptor, [&](const askr_option& option) -> Result<> {
      ASKR_TRY(check_names(option));
      added.push_back(translate(option, ASKR_TRY(kind_of(option)), library, values++));
      return ok();
    });
    if (!done) return Error{"plugin " + library.path + " " + done.error().message};
    config::add_options(std::move(added));
  }
  return ok();
}

bool is_activated_by_options(const Library& library, const config::Loaded& loaded) {
  const askr_descriptor* descriptor = library.descriptor;
  bool activated = false;
  (void)for_each_option(*descriptor, [&](const askr_option& each) -> Result<> {
    if ((each.flags & ASKR_OPTION_ACTIVATES) != 0) activated = activated || is_set(each.path, loaded);
    return ok();
  });
  const char* const* path = ASKR_HAS(descriptor, activated_by) ? descriptor->activated_by : nullptr;
  for (; path != nullptr && *path != nullptr; ++path) activated = activated || is_set(*path, loaded);
  return activated;
}

ConfigurationView::ConfigurationView(std::string_view plugin, const config::Settings& settings)
    : interface_{sizeof interface_, text_value, number_value, list_size, list_item},
      plugin_(plugin),
      settings_(settings) {}

const config::PluginValue* ConfigurationView::find(const char* path) const {
  const config::Option* option = config::find_option(path);
  if (option == nullptr || option->plugin != plugin_) {
    log::error("plugin {} asks for {}, which is no option of its own", plugin_, path);
    return nullptr;
  }
  return &settings_.plugin_values[option->plugin_value];
}

}  // namespace askr::plugin
