#include "config/control_path.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "temporary_folder.hpp"

namespace {

using namespace askr::config;
using askr::test::TemporaryFolder;

Settings listening_on(ListenAddress address) {
  Settings settings;
  settings.server.listen = {std::move(address)};
  return settings;
}

std::string file_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

TEST_CASE("the control socket is named after the first address") {
  CHECK(file_of(control_path(listening_on({"127.0.0.1", 8000, {}}))) == "127.0.0.1-8000.sock");
  CHECK(file_of(control_path(listening_on({"::1", 80, {}}))) == "---1--80.sock");
  CHECK(control_path(listening_on({"127.0.0.1", 8000, {}})) != control_path(listening_on({"127.0.0.1", 8001, {}})));
}

TEST_CASE("a long address still gives a path that fits a socket, and one of its own") {
  const std::string folder = "/" + std::string(100, 'd');
  const std::string one = control_path(listening_on({"", 0, folder + "/a"}));
  const std::string two = control_path(listening_on({"", 0, folder + "/b"}));
  CHECK(one.size() <= 107);
  CHECK(one != two);
}

TEST_CASE("server.control is taken as it is") {
  Settings settings = listening_on({"127.0.0.1", 8000, {}});
  settings.server.control = "/srv/a.sock";
  CHECK(control_path(settings) == "/srv/a.sock");
}

TEST_CASE("an ordinary user's runtime folder is private") {
  if (geteuid() == 0) {
    CHECK(runtime_folder() == "/run/askr");
    return;
  }
  TemporaryFolder folder;
  setenv("XDG_RUNTIME_DIR", folder.path().c_str(), 1);
  CHECK(runtime_folder() == folder.path() + "/askr");
  REQUIRE(prepare_runtime_folder());
  REQUIRE(prepare_runtime_folder());
  struct stat status {};
  REQUIRE(stat(runtime_folder().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);

  folder.write("askr/b.sock", "");
  folder.write("askr/a.sock", "");
  folder.write("askr/other", "");
  CHECK(control_sockets() == std::vector<std::string>{runtime_folder() + "/a.sock", runtime_folder() + "/b.sock"});

  chmod(runtime_folder().c_str(), 0777);
  CHECK_FALSE(prepare_runtime_folder());
  unsetenv("XDG_RUNTIME_DIR");
}

}  // namespace
