#include "php/directory.hpp"

#include <unistd.h>

#include <climits>
#include <string>

#include "php/script_file.hpp"
#include "php/state.hpp"

namespace askr::php {
namespace {

std::string chosen;  // with a slash at its end, as the directory of a file without a name

}  // namespace

void keep_directory() {
  char path[PATH_MAX];
  if (!was_chdir_called() || ::getcwd(path, sizeof path) == nullptr) return;
  chosen = path;
  if (chosen.back() != '/') chosen += '/';
}

void enter_directory() {
  if (!chosen.empty()) {
    enter_directory_of(chosen);
  } else {
    enter_directory_of(state.worker_mode ? state.front_filename : state.script_filename);
  }
}

}  // namespace askr::php
