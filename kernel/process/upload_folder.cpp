#include "process/upload_folder.hpp"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace askr::process {
namespace {

constexpr std::string_view kPrefix = "askr-uploads-";

void remove_tree(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);  // follows no symbolic links
}

}  // namespace

Result<std::unique_ptr<UploadFolder>> UploadFolder::create(const std::string& spool_dir) {
  std::string path = spool_dir + "/" + std::string(kPrefix) + "XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    return system_error("cannot make a folder for uploads in " + spool_dir + " (see server.spool_dir)");
  }
  return std::unique_ptr<UploadFolder>(new UploadFolder(std::move(path)));
}

UploadFolder::~UploadFolder() {
  remove_tree(path_);
}

}  // namespace askr::process
