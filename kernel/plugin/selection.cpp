#include "plugin/selection.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <string>

#include "config/quote.hpp"
#include "plugin/option_bridge.hpp"

namespace askr::plugin {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class Selector {
 public:
  Selector(const std::vector<Library>& libraries, const config::Loaded& loaded)
      : libraries_(libraries), loaded_(loaded), plugins_(loaded.settings.plugins) {}

  Result<std::vector<const Library*>> run() {
    for (const Library& library : libraries_) {
      if (wants_to_run(library)) active_.insert(&library);
    }
    follow_requirements();
    for (const Library* library : active_) {
      ASKR_TRY(check_requirements(*library));
      ASKR_TRY(check_conflicts(*library));
    }
    for (const Library& library : libraries_) ASKR_TRY(check_unused_options(library));
    return sorted();
  }

 private:
  [[nodiscard]] bool wants_to_run(const Library& library) const {
    if (plugins_.is_disabled(library.id())) return false;
    if (contains(plugins_.enable, library.id())) return true;
    switch (library.descriptor->activation) {
      case ASKR_ACTIVE_ALWAYS:
        return true;
      case ASKR_ACTIVE_WHEN_SET:
        return is_activated_by_options(library, loaded_);
      default:
        return false;
    }
  }

  // Plugins that come with what they require; one may be what another one waits for.
  void follow_requirements() {
    for (bool changed = true; changed;) {
      changed = false;
      for (const Library& library : libraries_) {
        const bool follows = library.descriptor->activation == ASKR_ACTIVE_WITH_REQUIRED &&
                             library.descriptor->requires_ != nullptr && !plugins_.is_disabled(library.id());
        if (!follows || active_.contains(&library) || !missing_for(library).empty()) continue;
        active_.insert(&library);
        changed = true;
      }
    }
  }

  [[nodiscard]] bool offers(const Library& library, std::string_view name) const {
    bool found = library.id() == name;
    for_each_id(library.descriptor->provides, [&](std::string_view provided) { found = found || provided == name; });
    return found;
  }

  [[nodiscard]] bool is_offered(std::string_view name) const {
    return std::any_of(active_.begin(), active_.end(), [&](const Library* each) { return offers(*each, name); });
  }

  [[nodiscard]] std::string missing_for(const Library& library) const {
    std::string missing;
    for_each_id(library.descriptor->requires_, [&](std::string_view name) {
      if (missing.empty() && !is_offered(name)) missing = name;
    });
    return missing;
  }

  [[nodiscard]] Result<> check_requirements(const Library& library) const {
    const std::string missing = missing_for(library);
    if (missing.empty()) return ok();
    const bool installed =
        std::any_of(libraries_.begin(), libraries_.end(), [&](const Library& each) { return offers(each, missing); });
    return usage_error(fmt::format("plugin {} ({}) requires {}, which is {}: {}, or --no-plugin {}", library.id(),
                                   library.path, missing, installed ? "not active" : "not installed",
                                   installed ? "turn it on with --plugin " + missing : "install it", library.id()));
  }

  [[nodiscard]] Result<> check_conflicts(const Library& library) const {
    std::string other;
    for_each_id(library.descriptor->conflicts, [&](std::string_view name) {
      if (other.empty() && is_offered(name)) other = name;
    });
    if (other.empty()) return ok();
    return usage_error(fmt::format("plugin {} ({}) cannot run beside {}: turn one of them off with --no-plugin",
                                   library.id(), library.path, other));
  }

  // A setting that does nothing would be worse than an error.
  [[nodiscard]] Result<> check_unused_options(const Library& library) const {
    if (active_.contains(&library)) return ok();
    for (const config::Option& option : config::options()) {
      if (option.plugin != library.id()) continue;
      const config::Origin& origin = loaded_.origin(option.path);
      config::Settings settings = loaded_.settings;
      std::string value = config::format_field(option, settings);
      std::erase(value, '"');
      if (value == "[]" || value.empty()) value = "none";
      if (origin.source == config::Source::default_value || value == option.default_value()) continue;
      const bool disabled = plugins_.is_disabled(library.id());
      return usage_error(
          fmt::format("{}the plugin {} is {}", config::describe_place(origin, option.path), library.id(),
                      disabled ? "disabled" : "off; turn it on with --plugin " + std::string(library.id())));
    }
    return ok();
  }

  [[nodiscard]] bool comes_first(const Library& first, const Library& second) const {
    bool found = false;
    const auto look = [&](std::string_view name) { found = found || offers(first, name); };
    for_each_id(second.descriptor->requires_, look);
    for_each_id(second.descriptor->optional, look);
    return found && &first != &second;
  }

  Result<std::vector<const Library*>> sorted() {
    std::vector<const Library*> left;
    for (const Library& library : libraries_) {
      if (active_.contains(&library)) left.push_back(&library);
    }
    std::vector<const Library*> order;
    while (!left.empty()) {
      const auto next = std::find_if(left.begin(), left.end(), [&](const Library* candidate) {
        return std::none_of(left.begin(), left.end(),
                            [&](const Library* other) { return comes_first(*other, *candidate); });
      });
      if (next == left.end()) {
        std::string names;
        for (const Library* each : left) names.append(names.empty() ? "" : ", ").append(each->id());
        return usage_error("these plugins require each other in a circle: " + names +
                           "; turn one of them off with --no-plugin");
      }
      order.push_back(*next);
      left.erase(next);
    }
    return order;
  }

  const std::vector<Library>& libraries_;
  const config::Loaded& loaded_;
  const config::PluginSettings& plugins_;
  std::set<const Library*> active_;
};

}  // namespace

Result<std::vector<const Library*>> select_active(const std::vector<Library>& libraries, const config::Loaded& loaded) {
  return Selector(libraries, loaded).run();
}

}  // namespace askr::plugin
