#include "base/replace_file.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace {

namespace fs = std::filesystem;

struct Folder {
  std::string path = [] {
    std::string name = (fs::temp_directory_path() / "askr-replace-XXXXXX").string();
    return std::string(::mkdtemp(name.data()));
  }();
  Folder() = default;
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }

  [[nodiscard]] auto count() const { return std::distance(fs::directory_iterator(path), fs::directory_iterator()); }
};

std::string contents(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a file is replaced by a longer one, a shorter one and an empty one") {
  const Folder folder;
  const std::string file = folder.path + "/a";
  for (const std::string& text :
       {std::string("first"), std::string("\0\xff longer", 9), std::string("x"), std::string()}) {
    REQUIRE(askr::replace_file(file, text));
    CHECK(contents(file) == text);
    CHECK(folder.count() == 1);
  }
}

TEST_CASE("where a file cannot be replaced nothing is left, and what was there stays") {
  const Folder folder;
  const std::string taken = folder.path + "/folder";
  fs::create_directories(taken + "/inside");
  const auto refused = askr::replace_file(taken, "text");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("cannot write " + taken) != std::string::npos);
  CHECK(fs::is_directory(taken + "/inside"));
  CHECK(folder.count() == 1);
  CHECK_FALSE(askr::replace_file(folder.path + "/missing/a", "text"));
}

TEST_CASE("on a full disk there is an error, and what was there is there still") {
  if (!fs::exists("/dev/full")) return;
  const Folder folder;
  const std::string file = folder.path + "/a";
  REQUIRE(askr::replace_file(file, "before"));
  // Where the unfinished file would be written.
  fs::create_symlink("/dev/full", file + "." + std::to_string(::getpid()));
  CHECK_FALSE(askr::replace_file(file, "after"));
  CHECK(contents(file) == "before");
  CHECK(folder.count() == 1);
}
