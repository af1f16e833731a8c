#include "cli/exposed_root.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include "base/file_access.hpp"
#include "cli/framework.hpp"

namespace askr::cli {
namespace {

// Where projects keep what is to be served.
constexpr const char* kMeant[] = {"public", "web", "webroot", "public_html", "htdocs", "pub", "www"};
// What projects have beside it, and no visitor needs.
constexpr const char* kPrivate[] = {
    "database/database.sqlite", "storage", "var", "config", "app", "src", "logs", "vendor", "tests"};

bool exists(const std::string& path) {
  return may_access(path, F_OK);
}

bool is_project(const std::string& root) {
  return exists(root + "/composer.json") || exists(root + "/vendor") || exists(root + "/artisan") ||
         exists(root + "/bin/console") || exists(root + "/.env") || exists(root + "/src");
}

// The one with a front controller, if any has one.
std::string find_meant(const std::string& root) {
  for (const char* name : kMeant) {
    const std::string folder = root + "/" + name;
    if (exists(folder + "/index.php")) return folder;
  }
  return {};
}

bool serves_itself(Framework framework) {
  return framework == Framework::wordpress || framework == Framework::mediawiki;
}

}  // namespace

std::string ExposedRoot::what() const {
  if (shown.empty()) return "everything in it is served";
  return fmt::format("its {} {} served as well", fmt::join(shown, ", "), shown.size() == 1 ? "is" : "are");
}

ExposedRoot examine_root(const std::string& root) {
  ExposedRoot exposed;
  const Application application = find_application(root);
  if (application.base != root || serves_itself(application.framework) || !is_project(root)) return exposed;
  exposed.meant = find_meant(root);
  if (exposed.meant.empty() && application.framework != Framework::unknown) exposed.meant = root + "/public";
  for (const char* name : kPrivate) {
    if (exists(root + "/" + name)) exposed.shown.emplace_back(name);
  }
  return exposed;
}

}  // namespace askr::cli
