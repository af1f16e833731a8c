#include "config/load.hpp"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "config/control_path.hpp"
#include "config/machine.hpp"
#include "config/quote.hpp"
#include "config/toml_file.hpp"
#include "config/values.hpp"

namespace askr::config {
namespace {

constexpr size_t kLongestSocketPath = 107;  // sun_path with its NUL
constexpr uint64_t kMegabyte = 1ULL << 20;

bool is_same_file(const char* a, const char* b) {
  struct stat first {
  }, second{};
  return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

bool is_folder(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::string lookup(const Environment& environment, std::string_view name) {
  for (const auto& [key, value] : environment) {
    if (key == name) return value;
  }
  return {};
}

struct ConfigFile {
  std::string path, shown;  // both empty: none
};

ConfigFile find_config_file(const CommandLine& line, const std::string& folder) {
  if (!line.config_file.empty()) {
    const bool absolute = line.config_file[0] == '/';
    return {absolute ? line.config_file : folder + "/" + line.config_file, line.config_file};
  }
  const std::string path = folder + "/askr.toml";
  return access(path.c_str(), F_OK) == 0 ? ConfigFile{path, "askr.toml"} : ConfigFile{};
}

// Collects the sources from weak to strong, and what is wrong with any of them.
class Merger {
 public:
  explicit Merger(Loaded& loaded) : loaded_(loaded) {}

  void add(const Given& given) {
    for (const std::string& problem : given.problems) add_problem(problem);
    loaded_.warnings.insert(loaded_.warnings.end(), given.warnings.begin(), given.warnings.end());
    said_.insert(said_.end(), given.warnings.begin(), given.warnings.end());
    for (const Assignment& assignment : given.assignments) add(assignment);
  }

  void add(const Assignment& assignment) {
    auto assigned = assign(assignment, loaded_.settings);
    if (!assigned) add_problem(assigned.error().message);
    loaded_.origins[static_cast<size_t>(assignment.option - options().data())] = assignment.origin;
  }

  // Warnings too, when there is an error: they may be about the same mistake.
  [[nodiscard]] Result<> result() const { return fails_ ? Result<>(join_problems(said_)) : ok(); }

 private:
  void add_problem(const std::string& problem) {
    said_.push_back(problem);
    fails_ = true;
  }

  Loaded& loaded_;
  std::vector<std::string> said_;
  bool fails_ = false;
};

void resolve_auto(Loaded& loaded, std::string_view path, unsigned automatic, unsigned& field) {
  if (field != 0) return;
  field = automatic;
  loaded.origin(path).note = ", auto";
}

// A folder that is not there is found later.
void resolve_spool_limit(Loaded& loaded) {
  ServerSettings& server = loaded.settings.server;
  if (server.spool_limit != 0) return;
  std::error_code failed;
  const std::filesystem::space_info room = std::filesystem::space(server.spool_dir, failed);
  const uint64_t quarter = failed ? 0 : room.available / 4;
  server.spool_limit = std::max(quarter / kMegabyte, uint64_t{1}) * kMegabyte;
  loaded.origin("server.spool_limit").note = ", a quarter of what is free";
}

// Where a command runs that does not say so.
void place_sidecars(Settings& settings, const std::string& folder) {
  std::string usual = settings.worker.app_base;
  if (usual.empty() && !settings.config_file.empty()) usual = std::filesystem::path(settings.config_file).parent_path();
  if (usual.empty()) usual = folder;
  for (SidecarSettings& sidecar : settings.sidecars) {
    if (sidecar.folder.empty()) sidecar.folder = usual;
  }
}

void resolve_defaults(Loaded& loaded, const Environment& environment, const std::string& folder) {
  ServerSettings& server = loaded.settings.server;
  if (server.listen.empty()) server.listen.push_back({"127.0.0.1", 8000, {}});
  if (server.root.empty()) server.root = is_folder(folder + "/public") ? folder + "/public" : folder;
  const unsigned cores = available_cores();
  // Isolated workers wait for their one request, so there have to be more of them than run at once.
  constexpr unsigned kSpares = 4;
  const unsigned per_core = loaded.settings.isolates() && !loaded.settings.rewinds() ? kSpares : 1;
  const unsigned most = server.workers_max == 0 ? UINT_MAX : server.workers_max;
  const bool is_ours_to_choose = server.workers == 0 && server.workers_min == 0 && server.workers_max == 0;
  if (loaded.settings.rewinds() && is_ours_to_choose) server.spares = kSpares;
  resolve_auto(loaded, "server.workers", std::min(std::max(cores * per_core, server.workers_min), most),
               server.workers);
  // PHP needs the other half: as many gateways as cores would only take turns with the workers (docs/performance.md).
  resolve_auto(loaded, "server.gateways", std::max(1U, cores / 2), server.gateways);
  if (server.workers_min == 0) server.workers_min = server.workers;
  if (server.workers_max == 0) server.workers_max = server.workers;
  if (server.spool_dir.empty()) server.spool_dir = lookup(environment, "TMPDIR");
  if (server.spool_dir.empty()) server.spool_dir = "/tmp";
  resolve_spool_limit(loaded);
  if (server.error_log == "-") server.error_log.clear();
  server.control = control_path(loaded.settings);
  place_sidecars(loaded.settings, folder);
}

// A default that does not parse is a mistake of the plugin, found at every start.
Result<> set_plugin_defaults(Settings& settings) {
  for (const Option& option : options()) {
    if (option.member != nullptr) continue;
    if (settings.plugin_values.size() <= option.plugin_value) settings.plugin_values.resize(option.plugin_value + 1);
    std::vector<std::string> values{std::string(option.default_text)};
    if (option.is_list()) values = split_list(option.default_text, option.separator);
    const bool absent = option.default_text.empty() && option.kind != Kind::text && option.kind != Kind::path;
    if (absent) continue;
    ASKR_TRY(assign({&option,
                     std::move(values),
                     {Source::default_value, "default of plugin " + std::string(option.plugin), {}},
                     {}},
                    settings));
  }
  return ok();
}

std::string place_of(const Loaded& loaded, std::string_view path) {
  return describe_place(loaded.origin(path), path);
}

Result<> check_paranoid(const Loaded& loaded) {
  const Settings& settings = loaded.settings;
  if (!settings.worker.paranoid || (settings.worker_mode() && !settings.isolates())) return ok();
  return usage_error(place_of(loaded, "worker.paranoid") +
                     (settings.isolates() ? "has nothing to look for: with worker.isolation nothing stays"
                                          : "has nothing to look for: without a worker script (worker.script) each "
                                            "request starts from nothing"));
}

Result<> check_preloaded_classes(const Loaded& loaded) {
  const Settings& settings = loaded.settings;
  if (!settings.worker.preload_classes) return ok();
  if (settings.worker_mode() || settings.isolates()) {
    return usage_error(place_of(loaded, "worker.preload_classes") +
                       "is for per-request mode without worker.isolation; elsewhere classes stay loaded anyway");
  }
  if (!settings.reload.warm_urls.empty()) return ok();
  return usage_error(place_of(loaded, "worker.preload_classes") +
                     "needs reload.warm_urls (--warm-url): what these pages load is preloaded");
}

Result<> check_modes(const Loaded& loaded) {
  const Settings& settings = loaded.settings;
  ASKR_TRY(check_paranoid(loaded));
  ASKR_TRY(check_preloaded_classes(loaded));
  if (settings.worker.cow && !settings.worker_mode()) {
    return usage_error(place_of(loaded, "worker.cow") + "needs a worker script (worker.script) to boot");
  }
  if (settings.worker.cow_strict && !settings.worker.cow && !settings.isolates()) {
    return usage_error(place_of(loaded, "worker.cow_strict") +
                       "needs worker.cow or worker.isolation: nothing is forked "
                       "from an application otherwise");
  }
  if (settings.rewinds() && !settings.worker_mode() && settings.worker.preload_script.empty()) {
    return usage_error(place_of(loaded, "worker.isolation") +
                       "\"rewind\" needs a worker script (worker.script) or worker.preload_script: without one nothing "
                       "is kept from request to request anyway");
  }
  if (settings.worker.preload_script.empty()) return ok();
  if (settings.worker_mode()) {
    return usage_error(place_of(loaded, "worker.preload_script") +
                       "is for per-request mode; a worker script boots the application itself");
  }
  if (!settings.isolates()) {
    return usage_error(place_of(loaded, "worker.preload_script") +
                       "needs worker.isolation = \"request\" or \"rewind\": what it sets up is used by one request");
  }
  return ok();
}

Result<> check_age(const Loaded& loaded) {
  const int64_t age = loaded.settings.server.max_worker_age;
  if (age == 0 || age >= 100 * kMillisecond) return ok();
  return usage_error(place_of(loaded, "server.max_worker_age") + "expected 0 or at least 100ms");
}

Result<> check_warm_urls(const Loaded& loaded) {
  for (const std::string& url : loaded.settings.reload.warm_urls) {
    const bool fits = url.starts_with('/') || url.starts_with("http://") || url.starts_with("https://");
    if (fits && url.find_first_of(" \t\r\n#") == std::string::npos) continue;
    return usage_error(place_of(loaded, "reload.warm_urls") + "expected /path or http://host/path, got " + quote(url));
  }
  return ok();
}

Result<> check_ini(const Loaded& loaded) {
  for (const std::string& line : loaded.settings.worker.ini) {
    if (auto checked = check_ini_line(line); !checked) {
      return usage_error(place_of(loaded, "worker.ini") + checked.error().message);
    }
  }
  return ok();
}

Result<> check_sidecars(const Loaded& loaded) {
  const QueueSettings& queue = loaded.settings.queue;
  if (!queue.script.empty() || queue.workers <= QueueSettings().workers) return ok();
  return usage_error(place_of(loaded, "queue.workers") + "needs a script to run (queue.script)");
}

Result<> check_together(const Loaded& loaded) {
  const ServerSettings& server = loaded.settings.server;
  ASKR_TRY(check_modes(loaded));
  ASKR_TRY(check_warm_urls(loaded));
  ASKR_TRY(check_ini(loaded));
  ASKR_TRY(check_age(loaded));
  const bool both_given = loaded.origin("server.workers_min").source != Source::default_value &&
                          loaded.origin("server.workers_max").source != Source::default_value;
  if (both_given && server.workers_min > server.workers_max) {
    return usage_error(fmt::format("{}{} is more than server.workers_max, {}", place_of(loaded, "server.workers_min"),
                                   server.workers_min, server.workers_max));
  }
  ASKR_TRY(check_sidecars(loaded));
  if (server.workers_min > server.workers) {
    return usage_error(fmt::format("{}{} is more than the {} workers", place_of(loaded, "server.workers_min"),
                                   server.workers_min, server.workers));
  }
  if (server.workers_max < server.workers) {
    return usage_error(fmt::format("{}{} is less than the {} workers", place_of(loaded, "server.workers_max"),
                                   server.workers_max, server.workers));
  }
  for (size_t i = 0; i < server.listen.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (server.listen[i].text() == server.listen[j].text()) {
        return usage_error(place_of(loaded, "server.listen") + server.listen[i].text() + " is given twice");
      }
    }
  }
  if (server.control.size() > kLongestSocketPath) {
    return usage_error(place_of(loaded, "server.control") + "the path of a Unix socket has at most 107 bytes");
  }
  const std::string& front = server.front;
  if (front.empty() || front[0] == '/' || ("/" + front + "/").find("/../") != std::string::npos) {
    return usage_error(place_of(loaded, "server.front") + "expected a path below the root, got " + quote(front));
  }
  return ok();
}

}  // namespace

const Origin& Loaded::origin(std::string_view path) const {
  return origins[static_cast<size_t>(find_option(path) - options().data())];
}

Origin& Loaded::origin(std::string_view path) {
  return origins[static_cast<size_t>(find_option(path) - options().data())];
}

std::string working_directory() {
  const char* logical = std::getenv("PWD");
  if (logical != nullptr && logical[0] == '/' && is_same_file(logical, ".")) return logical;
  std::error_code ignored;
  return std::filesystem::current_path(ignored).string();
}

Result<Loaded> load(const CommandLine& line, const Environment& environment, const std::string& folder) {
  Loaded loaded;
  loaded.origins.resize(options().size());
  ASKR_TRY(set_plugin_defaults(loaded.settings));
  Merger merger(loaded);
  const ConfigFile file = find_config_file(line, folder);
  loaded.settings.folder = folder;
  loaded.settings.config_file = file.path;
  if (!file.path.empty()) merger.add(read_toml_file(file.path, file.shown));
  merger.add(read_environment(environment, folder));
  for (const Assignment& assignment : line.assignments) merger.add(assignment);
  ASKR_TRY(merger.result());
  resolve_defaults(loaded, environment, folder);
  ASKR_TRY(check_together(loaded));
  return loaded;
}

std::string effective_toml(const Loaded& loaded) {
  const std::string& file = loaded.settings.config_file;
  std::string out = file.empty() ? "# no askr.toml was read\n" : "# read " + file + "\n";
  Settings settings = loaded.settings;
  for (const Option& option : options()) {
    const std::string setting = fmt::format("{} = {}", option.path, format_field(option, settings));
    const Origin& origin = loaded.origin(option.path);
    out += fmt::format("{:<46}  # {}{}\n", setting, origin.place, origin.note);
  }
  return out;
}

}  // namespace askr::config
