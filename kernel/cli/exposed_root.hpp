// A document root that is the folder of a whole project: its database, its logs, its configuration and its libraries
// would be files like any other, for everybody to fetch.
#pragma once

#include <string>
#include <vector>

namespace askr::cli {

struct ExposedRoot {
  std::string meant;               // the folder below it that is made to be served
  std::vector<std::string> shown;  // what would be served, relative to the root

  [[nodiscard]] bool is_exposed() const { return !meant.empty(); }
  // "its database/database.sqlite, storage and vendor are served as well".
  [[nodiscard]] std::string what() const;
};

// Looks at well-known names only. An application that is made to be served from its own folder, as WordPress,
// phpMyAdmin or MediaWiki are, is not exposed.
ExposedRoot examine_root(const std::string& root);

}  // namespace askr::cli
