#include <fmt/core.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file_access.hpp"
#include "cli/doctor.hpp"
#include "cli/exposed_root.hpp"
#include "cli/framework.hpp"
#include "cli/version_constraint.hpp"
#include "config/values.hpp"

namespace askr::cli {
namespace {

using Json = nlohmann::json;

bool exists(const std::string& path) {
  return may_access(path, F_OK);
}

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

bool contains(const std::string& file, std::string_view text) {
  return read_file(file).find(text) != std::string::npos;
}

class ApplicationExaminer {
 public:
  ApplicationExaminer(const config::Loaded& loaded, const PhpFacts& facts, const Account* account)
      : loaded_(loaded), facts_(facts), account_(account) {}

  Findings run() {
    const config::Settings& settings = loaded_.settings;
    if (auto checked = config::check_files(loaded_); !checked) {
      for (const std::string& problem : config::split_list(checked.error().message, '\n')) fail(problem, "");
      return std::move(findings_);
    }
    const ActingAs acting(account_);
    application_ = find_application(settings.server.root);
    ok(fmt::format("root {}", settings.server.root));
    examine_script();
    ok(fmt::format("{} in {}", framework_name(application_.framework), application_.base));
    examine_exposure();
    examine_composer();
    examine_framework();
    return std::move(findings_);
  }

 private:
  void ok(std::string text) { findings_.push_back({Grade::ok, std::move(text)}); }
  void warn(std::string text, std::string advice) {
    findings_.push_back({Grade::warn, std::move(text), std::move(advice)});
  }
  void fail(std::string text, std::string advice) {
    findings_.push_back({Grade::fail, std::move(text), std::move(advice)});
  }

  [[nodiscard]] std::string in_base(std::string_view path) const {
    return fmt::format("{}/{}", application_.base, path);
  }

  void examine_script() {
    const config::Settings& settings = loaded_.settings;
    if (!settings.worker_mode()) return examine_front(settings.server);
    if (facts_.script_error.empty()) return ok("worker script " + settings.worker.script);
    fail("the worker script does not compile: " + facts_.script_error, "correct it");
  }

  void examine_front(const config::ServerSettings& server) {
    if (exists(server.root + "/" + server.front)) return ok("front controller " + server.front);
    ok(fmt::format("no front controller: there is no {}, so scripts and files are served by their paths alone",
                   server.front));
  }

  void examine_exposure() {
    const ExposedRoot exposed = examine_root(loaded_.settings.server.root);
    if (!exposed.is_exposed()) return;
    fail("the root is the whole project: " + exposed.what(), "serve " + exposed.meant);
  }

  void examine_composer() {
    if (!exists(in_base("composer.json"))) return;
    const Json project = Json::parse(read_file(in_base("composer.json")), nullptr, false);
    if (!project.is_object()) return fail("composer.json is not valid JSON", "correct it");
    examine_requirements(project);
    vendor_ = in_base(vendor_folder(project));
    if (exists(vendor_ + "/autoload.php")) return examine_autoloader(project);
    if (!is_packaged()) report_missing_packages();
  }

  static std::string vendor_folder(const Json& project) {
    const Json::json_pointer place("/config/vendor-dir");
    return project.contains(place) && project[place].is_string() ? project[place].get<std::string>() : "vendor";
  }

  // A package of Debian has its libraries from other packages, and a composer.json that nobody uses.
  [[nodiscard]] bool is_packaged() const {
    std::error_code ignored;
    return std::filesystem::canonical(application_.base, ignored).native().starts_with("/usr/share/");
  }

  // Where nothing says that they are needed, the application may well do without.
  void report_missing_packages() {
    const std::string text = vendor_.substr(application_.base.size() + 1) + "/autoload.php is missing";
    const std::string front = loaded_.settings.server.root + "/" + loaded_.settings.server.front;
    if (application_.framework != Framework::unknown || contains(front, "autoload.php")) {
      fail(text, "composer install");
    } else {
      warn(text, "composer install, if the application needs it");
    }
  }

  void examine_requirements(const Json& project) {
    const auto require = project.find("require");
    if (require == project.end() || !require->is_object() || !facts_.error.empty()) return;
    for (const auto& [name, version] : require->items()) {
      if (name == "php" && version.is_string()) examine_version(version.get<std::string>());
      if (!name.starts_with("ext-")) continue;
      const std::string extension = name.substr(4);
      if (!has_extension(extension)) {
        fail("composer.json asks for the extension " + extension, "apt install php-" + extension);
      }
    }
  }

  void examine_version(const std::string& wanted) {
    if (facts_.version.empty() || fits(facts_.version, wanted) != Fit::no) return;
    fail(fmt::format("composer.json asks for PHP {}, and this is {}", wanted, facts_.version),
         "install a version of the application for this PHP, or a server that was built with another");
  }

  // Names in composer.json and in PHP differ in case and in the blank of "zend opcache".
  [[nodiscard]] bool has_extension(const std::string& wanted) const {
    const auto same = [](unsigned char a, unsigned char b) {
      return std::tolower(a) == std::tolower(b) || (a == '-' && b == ' ');
    };
    return std::any_of(facts_.extensions.begin(), facts_.extensions.end(), [&](const std::string& name) {
      return std::equal(wanted.begin(), wanted.end(), name.begin(), name.end(), same);
    });
  }

  // An optimised class map lists the classes of the project itself, a plain one only what packages list there.
  void examine_autoloader(const Json& project) {
    if (contains(vendor_ + "/composer/autoload_real.php", "setClassMapAuthoritative(true)")) {
      return ok("Composer's class map is complete");
    }
    const std::string prefix = first_namespace(project);
    if (prefix.empty()) return;
    if (contains(vendor_ + "/composer/autoload_classmap.php", "'" + prefix)) {
      return ok("Composer's autoloader is optimised");
    }
    warn("Composer searches the disk for classes",
         "composer dump-autoload --classmap-authoritative, worth up to a factor of 3");
  }

  // As autoload_classmap.php writes it: "App\\" with two backslashes.
  static std::string first_namespace(const Json& project) {
    const auto autoload = project.find("autoload");
    if (autoload == project.end() || !autoload->is_object()) return {};
    const auto psr4 = autoload->find("psr-4");
    if (psr4 == autoload->end() || !psr4->is_object() || psr4->empty()) return {};
    std::string prefix;
    for (char c : psr4->begin().key()) prefix += c == '\\' ? std::string("\\\\") : std::string(1, c);
    return prefix;
  }

  void examine_framework() {
    switch (application_.framework) {
      case Framework::laravel:
        return examine_laravel();
      case Framework::symfony:
        return examine_symfony();
      case Framework::wordpress:
        return examine_wordpress();
      case Framework::mediawiki:
        return examine_mediawiki();
      case Framework::unknown:
        return;
    }
  }

  void want_writable(std::string_view folder, std::string_view user) {
    const std::string path = in_base(folder);
    if (!exists(path)) return;
    if (may_access(path, W_OK | X_OK)) return ok(fmt::format("{} is writable", folder));
    fail(fmt::format("{} is not writable for {}", folder, user), fmt::format("chown -R {} {}", user, path));
  }

  // Who the server runs as: $USER may be left over from before sudo or su.
  [[nodiscard]] std::string user_name() const {
    const std::string& user = loaded_.settings.server.user;
    if (!user.empty()) return user;
    const passwd* entry = ::getpwuid(::geteuid());
    return entry != nullptr ? entry->pw_name : fmt::format("{}", ::geteuid());
  }

  void examine_laravel() {
    const std::string env = in_base(".env");
    if (!exists(in_base("bootstrap/cache/config.php"))) {
      if (!exists(env)) warn(".env is missing", "copy .env.example, unless the environment has the settings");
      if (exists(env) && dotenv_value(env, "APP_KEY").empty()) fail("APP_KEY is not set", "php artisan key:generate");
      warn("the configuration is read from .env at each boot", "in production: php artisan optimize");
    }
    if (dotenv_value(env, "APP_DEBUG") == "true")
      warn("APP_DEBUG=true shows secrets in error pages", "APP_DEBUG=false");
    want_writable("storage", user_name());
    want_writable("storage/logs", user_name());
    want_writable("bootstrap/cache", user_name());
  }

  void examine_symfony() {
    std::string mode = dotenv_value(in_base(".env.local"), "APP_ENV");
    if (mode.empty()) mode = dotenv_value(in_base(".env"), "APP_ENV");
    if (mode == "dev") warn("APP_ENV=dev checks every file at each request", "APP_ENV=prod");
    want_writable("var", user_name());
    want_writable("var/cache", user_name());
  }

  void examine_wordpress() {
    const bool configured = exists(in_base("wp-config.php")) || exists(in_base("../wp-config.php"));
    if (!configured) warn("wp-config.php is missing", "open the site in a browser to install it");
    if (contains(in_base("wp-config.php"), "'WP_DEBUG', true")) warn("WP_DEBUG is on", "set it to false");
    want_writable("wp-content/uploads", user_name());
  }

  void examine_mediawiki() {
    if (!exists(in_base("LocalSettings.php"))) {
      warn("LocalSettings.php is missing", "open mw-config/ in a browser, or run maintenance/install.php");
    }
    want_writable("images", user_name());
    want_writable("cache", user_name());
  }

  const config::Loaded& loaded_;
  const PhpFacts& facts_;
  const Account* account_;
  Application application_;
  std::string vendor_;
  Findings findings_;
};

}  // namespace

Findings examine_application(const config::Loaded& loaded, const PhpFacts& facts, const Account* account) {
  return ApplicationExaminer(loaded, facts, account).run();
}

}  // namespace askr::cli
