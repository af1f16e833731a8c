#include "plugin/library.hpp"

#include <fmt/core.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <filesystem>

#include "plugin/descriptor_check.hpp"

namespace askr::plugin {
namespace {

namespace dll = boost::dll;
namespace fs = std::filesystem;

// Whoever may write a plugin runs code as the server's user.
Result<> check_owner(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return system_error("plugin " + path);
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return Error{fmt::format("{} belongs to another user (uid {}): chown it to root or to the server's user", path,
                             status.st_uid)};
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{
        fmt::format("{} can be written by others, and what is in it runs in the server: chmod go-w {}", path, path)};
  }
  return ok();
}

// The executable segments of the object with that symbol.
void find_code(const void* symbol, Library& library) {
  struct Search {
    uintptr_t symbol;
    Library& library;
  } search{reinterpret_cast<uintptr_t>(symbol), library};
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* context) {
        auto& wanted = *static_cast<Search*>(context);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& header = info->dlpi_phdr[i];
          if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
          const uintptr_t begin = info->dlpi_addr + header.p_vaddr;
          if (wanted.symbol < begin || wanted.symbol >= begin + header.p_memsz) continue;
          wanted.library.code_begin = begin;
          wanted.library.code_end = begin + header.p_memsz;
          return 1;
        }
        return 0;
      },
      &search);
}

// The part of the loader's message that says why.
std::string reason_of(const std::exception& problem) {
  std::string text = problem.what();
  const size_t dl_error = text.rfind(": ");
  return dl_error == std::string::npos ? text : text.substr(dl_error + 2);
}

// A folder that is not there, or is none, is a mistake in the settings.
Result<std::vector<std::string>> list_folder(const std::string& folder) {
  std::vector<std::string> files;
  if (::access(folder.c_str(), F_OK) != 0) return usage_error(system_error("plugin folder " + folder).message);
  ASKR_TRY(check_owner(folder));
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".so") files.push_back(entry.path().string());
  }
  if (error) return usage_error("plugin folder " + folder + ": " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<Library> open_library(const std::string& path) {
  ASKR_TRY(check_owner(path));
  Library library;
  library.path = path;
  try {
    // Kept for ever: hooks, and objects of its types, are everywhere.
    static std::vector<dll::shared_library> opened;
    dll::shared_library file(path, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
    if (!file.has("askr_plugin_v1")) {
      return Error{"plugin " + path +
                   " does not export askr_plugin_v1: it is no plugin, or was built without "
                   "askr_add_plugin()"};
    }
    const auto entry = file.get<const askr_descriptor*()>("askr_plugin_v1");
    library.descriptor = entry();
    find_code(reinterpret_cast<const void*>(entry), library);
    opened.push_back(std::move(file));
  } catch (const std::exception& problem) {
    return Error{"plugin " + path + " cannot be loaded: " + reason_of(problem)};
  }
  if (auto fits = check_descriptor(library.descriptor); !fits) {
    return Error{"plugin " + path + " " + fits.error().message};
  }
  const std::string stem = fs::path(path).stem().string();
  if (stem != library.id()) {
    return Error{
        fmt::format("plugin {} says that it is {}: rename the file to {}.so", path, library.id(), library.id())};
  }
  return library;
}

Result<std::vector<Library>> open_folders(const std::vector<std::string>& folders,
                                          const std::vector<std::string>& ignored) {
  std::vector<Library> libraries;
  for (const std::string& folder : folders) {
    for (const std::string& path : ASKR_TRY(list_folder(folder))) {
      const std::string id = fs::path(path).stem().string();
      auto opened = open_library(path);
      const bool unwanted = std::find(ignored.begin(), ignored.end(), id) != ignored.end();
      if (!opened && unwanted) continue;
      if (!opened) return Error{opened.error().message + " (or turn it off: --no-plugin " + id + ")"};
      for (const Library& other : libraries) {
        if (other.id() != id) continue;
        return Error{fmt::format("plugin {} is there twice: {} and {}; remove one", id, other.path, path)};
      }
      libraries.push_back(std::move(opened).value());
    }
  }
  std::sort(libraries.begin(), libraries.end(), [](const auto& a, const auto& b) { return a.id() < b.id(); });
  return libraries;
}

std::string own_folder() {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  const fs::path built = program / "plugins";
  return fs::is_directory(built, ignored) ? built.string() : (program.parent_path() / "lib/askr/plugins").string();
}

}  // namespace askr::plugin
