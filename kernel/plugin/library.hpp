// Library: one plugin's .so, opened and looked at. Opening runs nothing but what a library does when it is loaded; its
// descriptor is data.
#pragma once

#include <askr/abi/plugin.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace askr::plugin {

struct Library {
  std::string path;
  const askr_descriptor* descriptor = nullptr;
  // Where its code is, so that a fault can be told from one of somebody else's.
  uintptr_t code_begin = 0, code_end = 0;

  [[nodiscard]] std::string_view id() const { return descriptor->id; }
};

// Opens, checks descriptor and version, and never closes. Errors name the file, what does not fit and what to do.
Result<Library> open_library(const std::string& path);

// All plugins (*.so) of the folders that exist, by id. `ignored`: files of these ids may be broken. Errors: a folder or
// file that others could write to, a broken plugin, an id that is there twice.
Result<std::vector<Library>> open_folders(const std::vector<std::string>& folders,
                                          const std::vector<std::string>& ignored);

// The folder with the plugins that come with this server: beside the program when it was just built, below lib/askr
// where it is installed. May not exist.
std::string own_folder();

}  // namespace askr::plugin
