#include "php/directory.hpp"

#include <unistd.h>

#include <climits>
#include <string>

#include "php/internal_function.hpp"
#include "php/script_file.hpp"
#include "php/state.hpp"

namespace askr::php {
namespace {

bool has_moved = false;
std::string chosen;  // with a slash at its end, as the directory of a file without a name

zif_handler original_chdir = nullptr;

// Being called counts: chdir(__DIR__) changes nothing and is a choice.
extern "C" void askr_php_note_chdir(INTERNAL_FUNCTION_PARAMETERS) {
  has_moved = true;
  original_chdir(INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

}  // namespace

void watch_chdir_of_boot() {
  wrap_function("chdir", askr_php_note_chdir, original_chdir);
}

void keep_directory() {
  char path[PATH_MAX];
  if (!has_moved || ::getcwd(path, sizeof path) == nullptr) return;
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
