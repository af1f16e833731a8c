#include "base/log.hpp"

#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace {

using namespace askr;

// A log file in a folder of its own; the log goes back to standard error afterwards.
struct LogFile {
  std::string folder, path;
  LogFile() {
    char pattern[] = "/tmp/askr-log-test-XXXXXX";
    folder = mkdtemp(pattern);
    path = folder + "/error.log";
  }
  ~LogFile() {
    (void)log::open("", log::Level::info);
    std::filesystem::remove_all(folder);
  }
  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
  }
};

TEST_CASE("a line has date, level, speaker and text, and is there at once") {
  LogFile file;
  REQUIRE(log::open(file.path, log::Level::info));
  log::set_speaker("worker 3 (100%)");
  log::warning("took {} ms", 12);
  const std::regex line(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} warning worker 3 \(100%\): took 12 ms\n)");
  CHECK(std::regex_match(file.text(), line));
}

TEST_CASE("an argument cannot forge a line") {
  LogFile file;
  REQUIRE(log::open(file.path, log::Level::info));
  log::error("no such path: {}", "/a\r\n2026-01-01 error master: forged\x1b[2J");
  const std::string text = file.text();
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(text.find("/a\\r\\n2026-01-01 error master: forged\\x1b[2J") != std::string::npos);
}

TEST_CASE("lines below the threshold are left out") {
  LogFile file;
  REQUIRE(log::open(file.path, log::Level::warning));
  CHECK_FALSE(log::enabled(log::Level::info));
  log::info("quiet");
  log::debug("quieter");
  log::error("loud");
  CHECK(file.text().find("quiet") == std::string::npos);
  CHECK(file.text().find("loud") != std::string::npos);
}

TEST_CASE("opening appends, and reopening after a rotation starts a new file") {
  LogFile file;
  std::ofstream(file.path) << "older\n";
  REQUIRE(log::open(file.path, log::Level::info));
  std::atomic<uint32_t> reopenings{0};
  const log::Following following(reopenings);
  log::info("first");
  CHECK(file.text().rfind("older\n", 0) == 0);

  std::filesystem::rename(file.path, file.path + ".1");
  reopenings = 1;
  log::info("second");
  CHECK(file.text().find("first") == std::string::npos);
  CHECK(file.text().find("second") != std::string::npos);
  CHECK(log::reopenings() == 1);
}

TEST_CASE("a log that cannot be opened is an error that names it, and the old one stays") {
  LogFile file;
  REQUIRE(log::open(file.path, log::Level::info));
  auto failed = log::open(file.folder, log::Level::info);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find(file.folder) != std::string::npos);
  log::info("still here");
  CHECK(file.text().find("still here") != std::string::npos);
}

TEST_CASE("levels have four names") {
  CHECK(log::parse_level("debug").value() == log::Level::debug);
  CHECK(log::parse_level("error").value() == log::Level::error);
  CHECK(log::parse_level("verbose").error().exit_code == 2);
}

}  // namespace
