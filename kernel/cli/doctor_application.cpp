#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/doctor.hpp"
#include "cli/framework.hpp"
#include "config/values.hpp"

namespace askr::cli {
namespace {

using Json = nlohmann::json;

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
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
  ApplicationExaminer(const config::Loaded& loaded, const PhpFacts& facts) : loaded_(loaded), facts_(facts) {}

  Findings run() {
    const config::Settings& settings = loaded_.settings;
    if (auto checked = config::check_files(loaded_); !checked) {
      for (const std::string& problem : config::split_list(checked.error().message, '\n')) fail(problem, "");
      return std::move(findings_);
    }
    application_ = find_application(settings.server.root);
    ok(fmt::format("root {}", settings.server.root));
    examine_script();
    ok(fmt::format("{} in {}", framework_name(application_.framework), application_.base));
    examine_root();
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
    if (!settings.worker_mode()) return ok("front controller " + settings.server.front);
    if (facts_.script_error.empty()) return ok("worker script " + settings.worker.script);
    fail("the worker script does not compile: " + facts_.script_error, "correct it");
  }

  void examine_root() {
    const bool is_project = application_.base == loaded_.settings.server.root && exists(in_base("vendor"));
    if (is_project && exists(in_base("public"))) {
      warn("the root is the whole project, its sources and logs included", "serve " + in_base("public"));
    }
  }

  void examine_composer() {
    if (!exists(in_base("composer.json"))) return;
    const Json project = Json::parse(read_file(in_base("composer.json")), nullptr, false);
    if (!project.is_object()) return fail("composer.json is not valid JSON", "correct it");
    examine_extensions(project);
    if (!exists(in_base("vendor/autoload.php"))) return fail("vendor/autoload.php is missing", "composer install");
    examine_autoloader(project);
  }

  void examine_extensions(const Json& project) {
    const auto require = project.find("require");
    if (require == project.end() || !require->is_object() || !facts_.error.empty()) return;
    for (const auto& [name, version] : require->items()) {
      if (!name.starts_with("ext-")) continue;
      const std::string extension = name.substr(4);
      if (!has_extension(extension)) {
        fail("composer.json asks for the extension " + extension, "apt install php-" + extension);
      }
    }
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
    if (contains(in_base("vendor/composer/autoload_real.php"), "setClassMapAuthoritative(true)")) {
      return ok("Composer's class map is complete");
    }
    const std::string prefix = first_namespace(project);
    if (prefix.empty()) return;
    if (contains(in_base("vendor/composer/autoload_classmap.php"), "'" + prefix)) {
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
    if (::access(path.c_str(), W_OK | X_OK) == 0) return ok(fmt::format("{} is writable", folder));
    fail(fmt::format("{} is not writable for {}", folder, user), fmt::format("chown -R {} {}", user, path));
  }

  [[nodiscard]] static std::string user_name() {
    const char* name = std::getenv("USER");
    return name != nullptr && name[0] != '\0' ? name : fmt::format("user {}", ::geteuid());
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
  Application application_;
  Findings findings_;
};

}  // namespace

Findings examine_application(const config::Loaded& loaded, const PhpFacts& facts) {
  return ApplicationExaminer(loaded, facts).run();
}

}  // namespace askr::cli
