// From the path of a request to a file or script below the document root (contract: front controller, PATH_INFO;
// design section 9: what is never served).
#pragma once

#include <string>
#include <string_view>

#include "pipeline/transaction.hpp"

namespace askr::gateway {

struct DocumentRoot {
  std::string path;                 // absolute, symlinks resolved, without trailing slash
  std::string front = "index.php";  // relative to path
  bool worker_mode = false;  // every path that is no file belongs to the worker script, which answers as the front
  bool files = false;        // worker mode: but for other scripts, which run as without it
  std::string worker_script = {};  // absolute; is never run by its path
};

// Fills transaction.target from transaction.head.raw_path and sets transaction.path. Touches the disk with at most one
// stat in the common cases. Order: existing file, existing script (with PATH_INFO: `/a.php/b/c`), directory with
// index.php or index.html, front controller, missing.
void resolve_target(const DocumentRoot& root, pipeline::Transaction& transaction);

}  // namespace askr::gateway
