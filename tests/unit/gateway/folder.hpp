// A temporary folder that is filled by a test and gone with it.
#pragma once

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace askr::test {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/askr-unit-XXXXXX";
    path_ = std::filesystem::canonical(::mkdtemp(name)).string();
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string at(const std::string& name) const { return path_ + '/' + name; }

  // Also makes the folders above. Returns the path.
  std::string write(const std::string& name, std::string_view text = "") const {
    const std::string file = at(name);
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
    return file;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(at(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};

}  // namespace askr::test
